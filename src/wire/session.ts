// The message that every connection begins with: whose it is. A server keeps what a session made until its last connection closes.
// Its opcode is at the top, away from those of the managers.
import { i32, text } from './fields.js'
import { message, protocol } from './messages.js'

export const sessionProtocol = protocol('session', {
  attach: message({ opcode: 0xfff0, request: { session: text }, reply: i32, deadlineMsec: 5000, retry: 'never' }),
})

/** Most sessions a server keeps, and the longest name. */
export const SESSIONS_MAX = 256
export const SESSION_NAME_MAX = 100
