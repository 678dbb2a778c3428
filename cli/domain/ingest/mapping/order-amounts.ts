/**
 * Amounts of whole orders and lines, brought to what the contract counts: unit prices, and a
 * discount for each line. Sums stay exact to the cent; nothing is rounded.
 */

/** An order line: amounts in hundredths, the discount on the whole line. */
export interface LineAmounts {
  readonly unit_price_minor: number
  readonly quantity: number
  readonly discount_minor: number
}

/** What a line is worth after its discount. */
export function lineValue(line: LineAmounts): number {
  return line.unit_price_minor * line.quantity - line.discount_minor
}

/**
 * Splits a line's amount into unit prices that add up to it: one price if the quantity divides the
 * amount, otherwise two that differ by a cent. 10.00 for 3 is 1 × 3.34 and 2 × 3.33.
 */
export function splitLine(
  totalMinor: number,
  quantity: number,
): readonly { readonly unit_price_minor: number; readonly quantity: number }[] {
  const low = Math.floor(totalMinor / quantity)
  const rest = totalMinor - low * quantity
  if (rest === 0) return [{ unit_price_minor: low, quantity }]
  return [
    { unit_price_minor: low + 1, quantity: rest },
    { unit_price_minor: low, quantity: quantity - rest },
  ]
}

/**
 * Shares an amount out in proportion to the weights, in whole cents that add up to it: each share
 * is cut, and the cents left over go to the shares that were cut most (largest remainder; the
 * earlier of equals). No share exceeds its weight unless the amount exceeds their sum.
 */
export function spread(amountMinor: number, weights: readonly number[]): readonly number[] {
  const amount = BigInt(amountMinor)
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n)
  if (total === 0n) return weights.map(() => 0)
  const cut = weights.map((weight, i) => {
    const product = amount * BigInt(weight)
    return { i, share: product / total, rest: product % total }
  })
  let left = amount - cut.reduce((sum, { share }) => sum + share, 0n)
  const shares = cut.map(({ share }) => Number(share))
  for (const { i } of [...cut].sort((a, b) => (a.rest < b.rest ? 1 : a.rest > b.rest ? -1 : 0))) {
    if (left <= 0n) break
    shares[i] = (shares[i] ?? 0) + 1
    left--
  }
  return shares
}

/** Adds a discount of the whole order to the lines' own, in proportion to their values. */
export function discountLines<Line extends LineAmounts>(
  lines: readonly Line[],
  discountMinor: number,
): readonly Line[] {
  const shares = spread(discountMinor, lines.map(lineValue))
  return lines.map((line, i) => ({
    ...line,
    discount_minor: line.discount_minor + (shares[i] ?? 0),
  }))
}
