import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { E } from '../abi/errno.js'
import { MAP, PROT } from '../abi/mman.js'
import { linuxHost } from '../host/linux.js'
import { StorageManager } from '../storage/storage-manager.js'
import { type FileHandle, PAGE } from '../wire/layout.js'
import { memoryProtocol } from '../wire/memory-protocol.js'
import { connectClient } from '../wire/socket-client.js'
import { inProcess, throughCodec } from '../wire/transports.js'
import { TransportError } from '../wire/unix-socket.js'
import { type MemoryUnderTest, memoryCases } from './memory.cases.js'
import { MemoryManager } from './memory-manager.js'

const host = linuxHost()
const directory = mkdtempSync(join(tmpdir(), 'lego-memory-'))
const storage = new StorageManager({ host, root: directory })
const peer = `unix:${join(directory, 'memory.sock')}`
const children: ChildProcess[] = []

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

function withFiles(memory: MemoryUnderTest['memory']): MemoryUnderTest {
  return {
    memory,
    contentOf: (name) => readFileSync(join(directory, name)),
    file(name, content): FileHandle {
      writeFileSync(join(directory, name), content)
      const opened = storage.open('/', `/${name}`, 2, 0)
      if (typeof opened === 'number' || opened.kind !== 'file') throw new Error(`cannot open ${name}: ${opened}`)
      return opened.handle
    },
  }
}

/** Starts a memory component as a process and waits until it listens. */
async function startServer(listen: string): Promise<{ child: ChildProcess; errors: () => string }> {
  const dist = resolve(__dirname, '../../dist/src')
  if (!existsSync(join(dist, 'memory/server.js')))
    throw new Error('run `npm run build` first: the server runs from dist')
  const url = (path: string) => JSON.stringify(pathToFileURL(join(dist, path)).href)
  const program = `
    import { serveMemory } from ${url('memory/server.js')}
    import { linuxHost } from ${url('host/linux.js')}
    import { StorageManager } from ${url('storage/storage-manager.js')}
    const host = linuxHost()
    const source = new StorageManager({ host, root: ${JSON.stringify(directory)} })
    serveMemory({ host, listen: ${JSON.stringify(listen)}, source, onReady: () => console.log('ready') })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  children.push(child)
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  await new Promise<void>((done, fail) => {
    child.stdout.once('data', () => done())
    child.once('exit', () => fail(new Error(`the server died: ${errors}`)))
  })
  return { child, errors: () => errors }
}

describe('in process', () => {
  memoryCases(() => withFiles(inProcess(memoryProtocol, new MemoryManager({ source: storage }))))
})

describe('through the codec', () => {
  memoryCases(() => withFiles(throughCodec(memoryProtocol, new MemoryManager({ source: storage }))))
})

describe('in another process, over a Unix socket', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    server = await startServer(peer)
  })
  describe('the shared suite', () => {
    memoryCases(() => withFiles(connectClient(memoryProtocol, { host, peer }).methods))
  })

  test('a fetch fills shared memory in place', () => {
    const { methods, close } = connectClient(memoryProtocol, { host, peer })
    methods.createSpace({ asid: 1, mmapTop: 0x100000 })
    const request = { asid: 1, address: 0x20000, length: PAGE, prot: PROT.READ, flags: MAP.PRIVATE | MAP.ANONYMOUS }
    methods.map({ ...request, offset: 0, object: 0, file: '', path: '', maxProt: 0 })
    methods.writeBack({ asid: 1, page: 0x20, bytes: new Uint8Array(PAGE).fill(5) })
    const shared = new Uint8Array(new SharedArrayBuffer(3 * PAGE))
    expect(methods.fetch({ asid: 1, page: 0x20, count: 1, into: shared.subarray(PAGE, 2 * PAGE) })).toBe(1)
    expect([shared[PAGE - 1], shared[PAGE], shared[2 * PAGE - 1], shared[2 * PAGE]]).toEqual([0, 5, 5, 0])
    methods.destroySpace({ asid: 1 })
    close()
  })

  test('connections of a session share its spaces; what it leaves behind is freed with the last one', () => {
    const connect = (session: string) => connectClient(memoryProtocol, { host, peer, session })
    const [first, second, other] = [connect('one'), connect('one'), connect('two')]
    expect(first.methods.createSpace({ asid: 1, mmapTop: 0x100000 })).toBe(0)
    expect(second.methods.createSpace({ asid: 1, mmapTop: 0x100000 })).toBe(-E.EXIST)
    expect(other.methods.createSpace({ asid: 1, mmapTop: 0x100000 })).toBe(0)
    const object = second.methods.createObject({ size: PAGE })
    second.methods.writeBackObject({ object, page: 0, bytes: new Uint8Array(PAGE) })
    first.close()
    expect(second.methods.statistics()).toMatchObject({ spaces: 1, framesUsed: 1 })
    second.close()
    // The server sees the close in its own time: at the latest when it next sleeps.
    while (other.methods.statistics().framesUsed > 0);
    expect(other.methods.statistics()).toMatchObject({ spaces: 1, framesUsed: 0 })
    other.close()
  })

  test('garbage closes its connection with one line, and the others go on', async () => {
    const { methods, close } = connectClient(memoryProtocol, { host, peer })
    for (const garbage of [Buffer.alloc(64, 0xff), Buffer.from([12, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0])]) {
      await new Promise<void>((done) => {
        const socket = createConnection(peer.slice('unix:'.length), () => socket.write(garbage))
        socket.resume()
        socket.once('close', () => done())
      })
    }
    expect(methods.statistics()).toMatchObject({ spaces: 0 })
    close()
    const lines = server.errors().trim().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toContain('garbage: a frame of 4294967295 bytes')
    expect(lines[1]).toContain('unknown opcode 65535')
  })

  test('a server that dies or hangs is a TransportError that names it', async () => {
    const other = `unix:${join(directory, 'other.sock')}`
    const { child } = await startServer(other)
    const { methods } = connectClient(memoryProtocol, { host, peer: other, deadlineMsec: 200 })
    expect(methods.statistics().spaces).toBe(0)
    child.kill('SIGSTOP')
    expect(() => methods.statistics()).toThrow(new TransportError(other, 'statistics: no answer in time'))
    child.kill('SIGKILL')
    await new Promise((done) => child.once('exit', done))
    expect(() => methods.statistics()).toThrow(new TransportError(other, 'cannot connect (ECONNREFUSED)'))
    // A new server takes the dead one's socket over, and the client finds it.
    await startServer(other)
    expect(methods.statistics().spaces).toBe(0)
  })
})

test.each(['a file', 'a symbolic link to a file'])('%s where it should listen is left alone', async (what) => {
  const file = join(directory, 'precious')
  const link = join(directory, 'link-to-precious')
  writeFileSync(file, 'precious')
  if (!existsSync(link)) symlinkSync(file, link)
  const listen = `unix:${what === 'a file' ? file : link}`
  await expect(startServer(listen)).rejects.toThrow(`${listen}: cannot listen: there is a file that is not a socket`)
  expect(readFileSync(file, 'utf8')).toBe('precious')
  expect(readFileSync(link, 'utf8')).toBe('precious')
})

test('physical memory has a limit: writing back beyond it is ENOMEM', () => {
  const memory = new MemoryManager({ source: storage, limitBytes: 2 * PAGE })
  memory.createSpace({ asid: 1, mmapTop: 0x1000000 })
  const flags = MAP.PRIVATE | MAP.ANONYMOUS
  const request = { asid: 1, address: 0, length: 4 * PAGE, prot: PROT.READ, flags }
  const { result } = memory.map({ ...request, offset: 0, object: 0, file: '', path: '', maxProt: 0 })
  expect(memory.writeBack({ asid: 1, page: result / PAGE, bytes: new Uint8Array(3 * PAGE) })).toBe(-E.NOMEM)
  memory.unmap({ asid: 1, address: result, length: PAGE })
  expect(memory.writeBack({ asid: 1, page: result / PAGE + 2, bytes: new Uint8Array(PAGE) })).toBe(0)
})

test('a file that is unlinked while it is mapped keeps its pages', () => {
  const { memory, file } = withFiles(new MemoryManager({ source: storage }))
  const handle = file('gone', new Uint8Array(PAGE).fill(0x55))
  memory.createSpace({ asid: 1, mmapTop: 0x1000000 })
  const request = {
    asid: 1,
    address: 0,
    length: PAGE,
    prot: PROT.READ,
    flags: MAP.PRIVATE,
    offset: 0,
    object: 0,
    maxProt: 0,
  }
  const { result } = memory.map({ ...request, file: handle.key, path: handle.path })
  storage.release(handle)
  storage.unlink('/', '/gone')
  const into = new Uint8Array(PAGE)
  expect(memory.fetch({ asid: 1, page: result / PAGE, count: 1, into })).toBe(1)
  expect(into[0]).toBe(0x55)
  memory.unmap({ asid: 1, address: result, length: PAGE })
  expect(storage.read(handle, 0, into)).toBe(-E.STALE)
})
