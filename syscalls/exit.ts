// _exit(2) and exit_group(2).

import { exitStatus } from '../src/abi/wait.js'
import { REDIRECT } from '../src/processor/kernel.js'
import { Int, NoReturn } from './arguments.js'
import { full, syscall } from './define.js'

export const exit = syscall({
  number: 60,
  name: 'exit',
  returns: NoReturn,
  support: full,
  args: { status: Int },
  run(task, { status }) {
    task.kernel.lifecycle.exitTask(task, status)
    return REDIRECT
  },
})

export const exit_group = syscall({
  number: 231,
  name: 'exit_group',
  returns: NoReturn,
  support: full,
  args: { status: Int },
  run(task, { status }) {
    task.kernel.lifecycle.exitProcess(task.process, exitStatus(status))
    return REDIRECT
  },
})
