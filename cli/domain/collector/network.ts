/**
 * The network that a request comes from: an IPv4 address, or the first 64 bits of an IPv6 address,
 * which are one household's. It is used while the request is answered and stored nowhere.
 */

/** `bits` are the address's 32, or the network's 64. */
export interface Network {
  readonly version: 4 | 6
  readonly bits: bigint
}

/** Reads an address; undefined for anything else. IPv4 inside IPv6 is IPv4. */
export function parseNetwork(text: string): Network | undefined {
  const address = text
    .trim()
    .replace(/^\[|\](:\d+)?$/g, '')
    .replace(/%.*$/, '')
  const v4 = parseIpv4(/^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(address)?.[1])
  if (v4 !== undefined) return { version: 4, bits: v4 }
  const v6 = parseIpv6(address)
  return v6 === undefined ? undefined : { version: 6, bits: v6 >> 64n }
}

/** A text that is equal for equal networks. */
export function nameNetwork({ version, bits }: Network): string {
  return `${version}:${bits.toString(16)}`
}

/** Whether it is this machine, as are requests that a proxy passes on without their address. */
export function isLoopback({ version, bits }: Network): boolean {
  return version === 4 ? bits >> 24n === 127n : bits === 0n
}

function parseIpv4(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  const parts = text.split('.').map(Number)
  if (parts.length !== 4 || parts.some((one) => one > 255)) return undefined
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

const GROUPS = 8

function parseIpv6(text: string): bigint | undefined {
  if (!/^[\da-f:]{2,39}$/i.test(text)) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const gap = GROUPS - head.length - tail.length
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined
  const groups = [...head, ...Array.from({ length: gap }, () => '0'), ...tail]
  if (groups.some((one) => !/^[\da-f]{1,4}$/i.test(one))) return undefined
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

/** Networks of data centres, from a CSV of `network,owner` with networks as `3.0.0.0/9`. */
export class DataCentres {
  /** By version and length of the prefix: the prefixes of that length and their owners. */
  readonly #prefixes = new Map<string, Map<bigint, string>>()
  readonly #lengths: { readonly 4: number[]; readonly 6: number[] } = { 4: [], 6: [] }

  /** Returns the reason if the line names no network. */
  add(network: string, owner: string): string | undefined {
    const [address = '', length = ''] = network.trim().split('/')
    const parsed = parseNetwork(address)
    const most = parsed?.version === 4 ? 32 : 64
    const bits = Number(length)
    if (!parsed || !/^\d+$/.test(length) || bits > most || bits < 1)
      return `"${network}" is not a network such as 3.0.0.0/9 or 2600:1f00::/24 (at most /64).`
    const key = `${parsed.version}/${bits}`
    const known = this.#prefixes.get(key)
    const prefixes = known ?? new Map<bigint, string>()
    prefixes.set(parsed.bits >> BigInt(most - bits), owner)
    if (known === undefined) {
      this.#prefixes.set(key, prefixes)
      this.#lengths[parsed.version].push(bits)
    }
    return undefined
  }

  /** The owner of the data centre; undefined for any other network. */
  find({ version, bits }: Network): string | undefined {
    const most = version === 4 ? 32 : 64
    for (const length of this.#lengths[version]) {
      const prefix = bits >> BigInt(most - length)
      const owner = this.#prefixes.get(`${version}/${length}`)?.get(prefix)
      if (owner !== undefined) return owner
    }
    return undefined
  }
}
