/** Rules about the items of a list, checked on the columns that the decoder has just filled. */
import type { ListRules } from '../contract-rules.ts'
import type { Column } from './duckdb-columns.ts'

const TWO_POW_32 = 0x100000000

/** A column of whole numbers: its position in words of 4 bytes, and how many words a value has. */
interface Numbers {
  readonly at: number
  readonly words: 1 | 2
}

/** ListRules, with columns for names. */
export interface LineChecks {
  readonly products: readonly { readonly of: Numbers; readonly a: Numbers; readonly b: Numbers }[]
  readonly sum: { readonly a: Numbers; readonly b: Numbers; readonly maximum: number } | undefined
}

/** Undefined if there is nothing to check. `columns` are those of the list's records. */
export function compileLineChecks(
  { products, sum }: ListRules,
  columns: readonly Column[],
): LineChecks | undefined {
  if (products.length === 0 && sum === undefined) return undefined
  const numbers = (name: string): Numbers => {
    const column = columns.find((one) => one.name === name)
    // readListRules has checked that the field exists and is a whole number.
    return { at: (column?.at ?? 0) / 4, words: column?.width === 8 ? 2 : 1 }
  }
  return {
    products: products.map(({ field, product: [a, b] }) => ({
      of: numbers(field),
      a: numbers(a),
      b: numbers(b),
    })),
    sum: sum && {
      a: numbers(sum.product[0]),
      b: numbers(sum.product[1]),
      maximum: sum.maximum,
    },
  }
}

/**
 * Whether items [first, next), whose columns lie in `i32`, keep the rules. Products are doubles:
 * beyond 2^53 they are rounded, but all bounds are far below that, so no comparison changes.
 */
export function keepsLineRules(
  i32: Int32Array,
  { products, sum }: LineChecks,
  first: number,
  next: number,
): boolean {
  let total = 0
  for (let item = first; item < next; item++) {
    for (const { of, a, b } of products) {
      const most = readNumber(i32, a, item) * readNumber(i32, b, item)
      if (!(readNumber(i32, of, item) <= most)) return false
    }
    if (sum !== undefined) total += readNumber(i32, sum.a, item) * readNumber(i32, sum.b, item)
  }
  return sum === undefined || total <= sum.maximum
}

function readNumber(i32: Int32Array, { at, words }: Numbers, item: number): number {
  if (words === 1) return i32[at + item] ?? 0
  const low = i32[at + item * 2] ?? 0
  return (i32[at + item * 2 + 1] ?? 0) * TWO_POW_32 + (low >>> 0)
}
