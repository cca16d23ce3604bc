// The WebAssembly instructions Lego emits, by name: encoding bytes and signature. One table; the encoder and the IR
// lowering read it. Source: WebAssembly core specification, chapter 5 (binary format), and the threads proposal.

export type Type = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** Byte of a value type in the binary format. */
export const TYPE_BYTE: Record<Type, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

export type PureOp = { readonly bytes: readonly number[]; readonly args: readonly Type[]; readonly result: Type }

const pure: Record<string, PureOp> = {}
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7])

function define(prefix: number | undefined, first: number, names: string, args: Type[], result: Type): void {
  let code = first
  for (const name of names.split(' ')) {
    if (name !== '-') pure[name] = { bytes: prefix === undefined ? [code] : [prefix, ...leb(code)], args, result }
    code++
  }
}

define(undefined, 0x45, 'i32.eqz', ['i32'], 'i32')
define(
  undefined,
  0x46,
  'i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u',
  ['i32', 'i32'],
  'i32',
)
define(undefined, 0x50, 'i64.eqz', ['i64'], 'i32')
define(
  undefined,
  0x51,
  'i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u',
  ['i64', 'i64'],
  'i32',
)
define(undefined, 0x5b, 'f32.eq f32.ne f32.lt f32.gt f32.le f32.ge', ['f32', 'f32'], 'i32')
define(undefined, 0x61, 'f64.eq f64.ne f64.lt f64.gt f64.le f64.ge', ['f64', 'f64'], 'i32')
define(undefined, 0x67, 'i32.clz i32.ctz i32.popcnt', ['i32'], 'i32')
define(
  undefined,
  0x6a,
  'i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr',
  ['i32', 'i32'],
  'i32',
)
define(undefined, 0x79, 'i64.clz i64.ctz i64.popcnt', ['i64'], 'i64')
define(
  undefined,
  0x7c,
  'i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr',
  ['i64', 'i64'],
  'i64',
)
define(undefined, 0x8b, 'f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt', ['f32'], 'f32')
define(undefined, 0x92, 'f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign', ['f32', 'f32'], 'f32')
define(undefined, 0x99, 'f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt', ['f64'], 'f64')
define(undefined, 0xa0, 'f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign', ['f64', 'f64'], 'f64')
define(undefined, 0xa7, 'i32.wrap_i64', ['i64'], 'i32')
define(undefined, 0xac, 'i64.extend_i32_s i64.extend_i32_u', ['i32'], 'i64')
define(undefined, 0xb2, 'f32.convert_i32_s f32.convert_i32_u', ['i32'], 'f32')
define(undefined, 0xb4, 'f32.convert_i64_s f32.convert_i64_u', ['i64'], 'f32')
define(undefined, 0xb6, 'f32.demote_f64', ['f64'], 'f32')
define(undefined, 0xb7, 'f64.convert_i32_s f64.convert_i32_u', ['i32'], 'f64')
define(undefined, 0xb9, 'f64.convert_i64_s f64.convert_i64_u', ['i64'], 'f64')
define(undefined, 0xbb, 'f64.promote_f32', ['f32'], 'f64')
define(undefined, 0xbc, 'i32.reinterpret_f32', ['f32'], 'i32')
define(undefined, 0xbd, 'i64.reinterpret_f64', ['f64'], 'i64')
define(undefined, 0xbe, 'f32.reinterpret_i32', ['i32'], 'f32')
define(undefined, 0xbf, 'f64.reinterpret_i64', ['i64'], 'f64')
define(undefined, 0xc0, 'i32.extend8_s i32.extend16_s', ['i32'], 'i32')
define(undefined, 0xc2, 'i64.extend8_s i64.extend16_s i64.extend32_s', ['i64'], 'i64')
define(0xfc, 0, 'i32.trunc_sat_f32_s i32.trunc_sat_f32_u', ['f32'], 'i32')
define(0xfc, 2, 'i32.trunc_sat_f64_s i32.trunc_sat_f64_u', ['f64'], 'i32')
define(0xfc, 4, 'i64.trunc_sat_f32_s i64.trunc_sat_f32_u', ['f32'], 'i64')
define(0xfc, 6, 'i64.trunc_sat_f64_s i64.trunc_sat_f64_u', ['f64'], 'i64')

// SIMD (0xfd). Lane accesses take an immediate lane byte and shuffle sixteen: see LANE_OPS and `v128.shuffle` in the encoder.
define(0xfd, 14, 'i8x16.swizzle', ['v128', 'v128'], 'v128')
define(0xfd, 15, 'i8x16.splat i16x8.splat i32x4.splat', ['i32'], 'v128')
define(0xfd, 18, 'i64x2.splat', ['i64'], 'v128')
define(0xfd, 19, 'f32x4.splat', ['f32'], 'v128')
define(0xfd, 20, 'f64x2.splat', ['f64'], 'v128')
const compares = (shape: string, kinds: string) =>
  kinds
    .split(' ')
    .map((k) => `${shape}.${k}`)
    .join(' ')
const integerCompares = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'
define(0xfd, 35, compares('i8x16', integerCompares), ['v128', 'v128'], 'v128')
define(0xfd, 45, compares('i16x8', integerCompares), ['v128', 'v128'], 'v128')
define(0xfd, 55, compares('i32x4', integerCompares), ['v128', 'v128'], 'v128')
define(0xfd, 65, compares('f32x4', 'eq ne lt gt le ge'), ['v128', 'v128'], 'v128')
define(0xfd, 71, compares('f64x2', 'eq ne lt gt le ge'), ['v128', 'v128'], 'v128')
define(0xfd, 77, 'v128.not', ['v128'], 'v128')
define(0xfd, 78, 'v128.and v128.andnot v128.or v128.xor', ['v128', 'v128'], 'v128')
define(0xfd, 82, 'v128.bitselect', ['v128', 'v128', 'v128'], 'v128')
define(0xfd, 83, 'v128.any_true', ['v128'], 'i32')
define(0xfd, 94, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt', ['v128'], 'v128')
define(0xfd, 99, 'i8x16.all_true i8x16.bitmask', ['v128'], 'i32')
define(0xfd, 101, 'i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u', ['v128', 'v128'], 'v128')
define(0xfd, 103, 'f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest', ['v128'], 'v128')
define(0xfd, 107, 'i8x16.shl i8x16.shr_s i8x16.shr_u', ['v128', 'i32'], 'v128')
define(
  0xfd,
  110,
  'i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u',
  ['v128', 'v128'],
  'v128',
)
define(0xfd, 116, 'f64x2.ceil f64x2.floor', ['v128'], 'v128')
define(0xfd, 118, 'i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u', ['v128', 'v128'], 'v128')
define(0xfd, 122, 'f64x2.trunc', ['v128'], 'v128')
define(0xfd, 123, 'i8x16.avgr_u', ['v128', 'v128'], 'v128')
define(
  0xfd,
  124,
  'i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u',
  ['v128'],
  'v128',
)
define(0xfd, 128, 'i16x8.abs i16x8.neg', ['v128'], 'v128')
define(0xfd, 130, 'i16x8.q15mulr_sat_s', ['v128', 'v128'], 'v128')
define(0xfd, 131, 'i16x8.all_true i16x8.bitmask', ['v128'], 'i32')
define(0xfd, 133, 'i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u', ['v128', 'v128'], 'v128')
define(
  0xfd,
  135,
  'i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u',
  ['v128'],
  'v128',
)
define(0xfd, 139, 'i16x8.shl i16x8.shr_s i16x8.shr_u', ['v128', 'i32'], 'v128')
define(
  0xfd,
  142,
  'i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u',
  ['v128', 'v128'],
  'v128',
)
define(0xfd, 148, 'f64x2.nearest', ['v128'], 'v128')
define(0xfd, 149, 'i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u', ['v128', 'v128'], 'v128')
define(0xfd, 160, 'i32x4.abs i32x4.neg', ['v128'], 'v128')
define(0xfd, 163, 'i32x4.all_true i32x4.bitmask', ['v128'], 'i32')
define(
  0xfd,
  167,
  'i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u',
  ['v128'],
  'v128',
)
define(0xfd, 171, 'i32x4.shl i32x4.shr_s i32x4.shr_u', ['v128', 'i32'], 'v128')
define(0xfd, 174, 'i32x4.add', ['v128', 'v128'], 'v128')
define(0xfd, 177, 'i32x4.sub', ['v128', 'v128'], 'v128')
define(
  0xfd,
  181,
  'i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u',
  ['v128', 'v128'],
  'v128',
)
define(0xfd, 192, 'i64x2.abs i64x2.neg', ['v128'], 'v128')
define(0xfd, 195, 'i64x2.all_true i64x2.bitmask', ['v128'], 'i32')
define(
  0xfd,
  199,
  'i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u',
  ['v128'],
  'v128',
)
define(0xfd, 203, 'i64x2.shl i64x2.shr_s i64x2.shr_u', ['v128', 'i32'], 'v128')
define(0xfd, 206, 'i64x2.add', ['v128', 'v128'], 'v128')
define(0xfd, 209, 'i64x2.sub', ['v128', 'v128'], 'v128')
define(
  0xfd,
  213,
  'i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u',
  ['v128', 'v128'],
  'v128',
)
define(0xfd, 224, 'f32x4.abs f32x4.neg - f32x4.sqrt', ['v128'], 'v128')
define(
  0xfd,
  228,
  'f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax',
  ['v128', 'v128'],
  'v128',
)
define(0xfd, 236, 'f64x2.abs f64x2.neg - f64x2.sqrt', ['v128'], 'v128')
define(
  0xfd,
  240,
  'f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax',
  ['v128', 'v128'],
  'v128',
)
define(
  0xfd,
  248,
  'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u',
  ['v128'],
  'v128',
)

/** Instructions without immediates: operands from the stack, one result, no effect. */
export const PURE: Readonly<Record<string, PureOp>> = pure

const lane: Record<string, PureOp> = {}
for (const [code, name, args, result] of [
  [21, 'i8x16.extract_lane_s', ['v128'], 'i32'],
  [22, 'i8x16.extract_lane_u', ['v128'], 'i32'],
  [23, 'i8x16.replace_lane', ['v128', 'i32'], 'v128'],
  [24, 'i16x8.extract_lane_s', ['v128'], 'i32'],
  [25, 'i16x8.extract_lane_u', ['v128'], 'i32'],
  [26, 'i16x8.replace_lane', ['v128', 'i32'], 'v128'],
  [27, 'i32x4.extract_lane', ['v128'], 'i32'],
  [28, 'i32x4.replace_lane', ['v128', 'i32'], 'v128'],
  [29, 'i64x2.extract_lane', ['v128'], 'i64'],
  [30, 'i64x2.replace_lane', ['v128', 'i64'], 'v128'],
  [31, 'f32x4.extract_lane', ['v128'], 'f32'],
  [32, 'f32x4.replace_lane', ['v128', 'f32'], 'v128'],
  [33, 'f64x2.extract_lane', ['v128'], 'f64'],
  [34, 'f64x2.replace_lane', ['v128', 'f64'], 'v128'],
] as const) {
  lane[name] = { bytes: [0xfd, code], args: [...args], result }
}
/** SIMD lane accesses: like PURE, with one immediate lane byte after the opcode. */
export const LANE: Readonly<Record<string, PureOp>> = lane

export type MemoryOp = {
  readonly bytes: readonly number[]
  readonly type: Type
  readonly size: number
  readonly atomic: boolean
}

const memory: Record<string, MemoryOp> = {}
const access = (name: string, bytes: number[], type: Type, size: number, atomic = false) => {
  memory[name] = { bytes, type, size, atomic }
}
access('i32.load', [0x28], 'i32', 4)
access('i64.load', [0x29], 'i64', 8)
access('f32.load', [0x2a], 'f32', 4)
access('f64.load', [0x2b], 'f64', 8)
access('i32.load8_s', [0x2c], 'i32', 1)
access('i32.load8_u', [0x2d], 'i32', 1)
access('i32.load16_s', [0x2e], 'i32', 2)
access('i32.load16_u', [0x2f], 'i32', 2)
access('i64.load8_s', [0x30], 'i64', 1)
access('i64.load8_u', [0x31], 'i64', 1)
access('i64.load16_s', [0x32], 'i64', 2)
access('i64.load16_u', [0x33], 'i64', 2)
access('i64.load32_s', [0x34], 'i64', 4)
access('i64.load32_u', [0x35], 'i64', 4)
access('i32.store', [0x36], 'i32', 4)
access('i64.store', [0x37], 'i64', 8)
access('f32.store', [0x38], 'f32', 4)
access('f64.store', [0x39], 'f64', 8)
access('i32.store8', [0x3a], 'i32', 1)
access('i32.store16', [0x3b], 'i32', 2)
access('i64.store8', [0x3c], 'i64', 1)
access('i64.store16', [0x3d], 'i64', 2)
access('i64.store32', [0x3e], 'i64', 4)
access('v128.load', [0xfd, 0], 'v128', 16)
access('v128.store', [0xfd, 11], 'v128', 16)
access('v128.load32_zero', [0xfd, 92], 'v128', 4)
access('v128.load64_zero', [0xfd, 93], 'v128', 8)
access('i32.atomic.load', [0xfe, 0x10], 'i32', 4, true)
access('i64.atomic.load', [0xfe, 0x11], 'i64', 8, true)
access('i32.atomic.store', [0xfe, 0x17], 'i32', 4, true)
let atomicCode = 0x1e
for (const op of ['add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg']) {
  for (const [prefix, suffix, type, size] of [
    ['i32', '', 'i32', 4],
    ['i64', '', 'i64', 8],
    ['i32', '8', 'i32', 1],
    ['i32', '16', 'i32', 2],
    ['i64', '8', 'i64', 1],
    ['i64', '16', 'i64', 2],
    ['i64', '32', 'i64', 4],
  ] as const) {
    const name = `${prefix}.atomic.rmw${suffix}.${op}${suffix === '' ? '' : '_u'}`
    access(name, [0xfe, atomicCode++], type, size, true)
  }
}
/** Memory accesses: alignment and offset immediates follow the opcode. Atomic ones must say their natural alignment. */
export const MEMORY: Readonly<Record<string, MemoryOp>> = memory
