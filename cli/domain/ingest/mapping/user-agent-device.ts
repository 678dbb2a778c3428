/**
 * The kind of device that a user agent stands for, by the package bowser, which this file alone
 * imports. Its lists are part of the package: nothing is downloaded.
 */
import Bowser from 'bowser'

/** bowser's platform types → devices of the contract. Televisions are large screens. */
const DEVICES: Readonly<Record<string, string>> = {
  desktop: 'desktop',
  mobile: 'mobile',
  tablet: 'tablet',
  tv: 'desktop',
  bot: 'bot',
}

/** Files repeat their user agents; reading one takes about 0.1 ms. */
const KNOWN_MAX = 20_000

const known = new Map<string, string | undefined>()

/** Returns desktop, mobile, tablet or bot; undefined for a user agent that names no device. */
export function readDevice(userAgent: string): string | undefined {
  if (userAgent === '') return undefined
  if (known.has(userAgent)) return known.get(userAgent)
  const { type } = Bowser.parse(userAgent).platform
  const device = type === undefined ? undefined : DEVICES[type]
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(userAgent, device)
  return device
}
