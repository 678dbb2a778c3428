/** Networks of senders, and the seed file of data centres. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DataCentres,
  isLoopback,
  nameNetwork,
  parseNetwork,
} from '../../../cli/domain/collector/network.ts'

const FILE = path.resolve(import.meta.dirname, '../../../collect/data-centres.csv')

const nameOf = (text: string) => {
  const network = parseNetwork(text)
  return network && nameNetwork(network)
}

test.each([
  ['192.0.2.7', '4:c0000207'],
  [' 192.0.2.7:5412 ', '4:c0000207'],
  ['::ffff:192.0.2.7', '4:c0000207'],
  ['[::FFFF:192.0.2.7]:443', '4:c0000207'],
  ['255.255.255.255', '4:ffffffff'],
  ['2001:db8:1:2:3:4:5:6', '6:20010db800010002'],
  ['[2001:db8::5]:443', '6:20010db800000000'],
  ['2001:db8::', '6:20010db800000000'],
  ['fe80::1%eth0', '6:fe80000000000000'],
  ['::1', '6:0'],
])('%s is read as a network', (text, name) => {
  expect(nameOf(text)).toBe(name)
})

test.each([
  ...[
    '',
    'unknown',
    '-',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.7.1',
    '1.2.3.4, 5.6.7.8',
    '::ffff:1.2.3',
  ],
  ...[
    '2001:db8',
    '2001:db8:::1',
    '1::2::3',
    '2001:db8:1:2:3:4:5:6:7',
    'g::1',
    '12345::',
    ':',
    '192.0.2.7/8',
  ],
])('"%s" is no address', (text) => {
  expect(parseNetwork(text)).toBeUndefined()
})

test('a household of IPv6 is one network whatever device sends', () => {
  expect(nameOf('2001:db8:7:9::1')).toBe(nameOf('2001:db8:7:9:ffff:ffff:ffff:ffff'))
  expect(nameOf('2001:db8:7:9::1')).not.toBe(nameOf('2001:db8:7:a::1'))
})

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['128.0.0.1', false],
  ['2001:db8::1', false],
])('%s is this machine: %s', (text, isThis) => {
  const network = parseNetwork(text)
  expect(network && isLoopback(network)).toBe(isThis)
})

test('no text makes the reader throw', () => {
  const like = fc.stringMatching(/^[\d.:a-fA-F[\]%/ ,-]{0,50}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), like), (text) => {
      const network = parseNetwork(text)
      if (network === undefined) return
      expect(network.bits >= 0n && network.bits < 1n << 64n).toBe(true)
      expect(network.version === 6 || network.bits < 1n << 32n).toBe(true)
    }),
  )
})

test('every IPv4 and IPv6 address of a prefix belongs to its owner, and its neighbours do not', () => {
  const centres = new DataCentres()
  expect(centres.add('198.51.100.0/22', 'Four')).toBeUndefined()
  expect(centres.add('2001:db8:40::/42', 'Six')).toBeUndefined()
  const find = (text: string) => centres.find(parseNetwork(text) ?? { version: 4, bits: 0n })
  expect(['198.51.100.0', '198.51.103.255', '198.51.99.255', '198.51.104.0'].map(find)).toEqual([
    ...['Four', 'Four'],
    ...[undefined, undefined],
  ])
  expect(['2001:db8:40::', '2001:db8:7f:ffff::1', '2001:db8:80::'].map(find)).toEqual([
    ...['Six', 'Six'],
    undefined,
  ])
})

test.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0.0/0',
  '10.0.0.0/x',
  'example.org/8',
  '2001:db8::/65',
])('%s is refused as a network', (text) => {
  expect(new DataCentres().add(text, 'Owner')).toContain(`"${text}" is not a network`)
})

/** As the collector reads the file. */
function readSeedFile() {
  const centres = new DataCentres()
  const lines = readFileSync(FILE, 'utf8').split('\n').slice(1)
  const rows = lines.filter((line) => line !== '' && !line.startsWith('#'))
  const parsed = rows.map((line) => {
    const [network = '', owner = '', ...rest] = line.split(',')
    return { network, owner, rest, fault: centres.add(network, owner) }
  })
  return { centres, parsed }
}

test('each line of the seed file names a network of its own and an owner', () => {
  const { parsed } = readSeedFile()
  expect(parsed.length).toBeGreaterThan(40)
  for (const { network, owner, rest, fault } of parsed) {
    expect(fault, network).toBeUndefined()
    expect(owner, network).toMatch(/^[A-Z][\w ]+$/)
    expect(rest, network).toEqual([])
    // The address is the prefix's first, so that nobody is misled by what is cut off.
    const [address = '', length = ''] = network.split('/')
    const first = parseNetwork(address)
    const free = BigInt((first?.version === 4 ? 32 : 64) - Number(length))
    expect((first?.bits ?? 1n) % (1n << free), network).toBe(0n)
  }
  for (const { network, owner } of parsed) {
    const centres = new DataCentres()
    for (const other of parsed) if (other.network !== network) centres.add(other.network, owner)
    const first = parseNetwork(network.split('/')[0] ?? '')
    expect(first && centres.find(first), `${network} lies in another line`).toBeUndefined()
  }
})

test.each([
  ['52.94.76.10', 'Amazon'],
  ['3.5.140.3', 'Amazon'],
  ['2600:1f18::1', 'Amazon'],
  ['34.117.59.81', 'Google Cloud'],
  ['20.50.2.10', 'Microsoft Azure'],
  ['159.65.1.1', 'DigitalOcean'],
  ['95.216.1.1', 'Hetzner'],
  ['2a01:4f9:c010::1', 'Hetzner'],
  ['51.15.1.1', 'Scaleway'],
])('the seed file knows %s as a server of %s', (text, owner) => {
  const network = parseNetwork(text)
  expect(network && readSeedFile().centres.find(network)).toBe(owner)
})

test.each([
  ['a documentation address', '203.0.113.77'],
  ['a home line of Comcast', '73.189.20.15'],
  ['a phone of T-Mobile in the US', '172.56.21.99'],
  ['a home line of Deutsche Telekom', '91.0.0.1'],
  ['a home line of Deutsche Telekom by IPv6', '2003:c1::1'],
  ['a home line of OVH by IPv6', '2001:41d0:fc00::1'],
  ['a private network', '192.168.1.5'],
  ['iCloud Private Relay at Cloudflare', '104.28.40.1'],
  ['iCloud Private Relay at Akamai', '172.225.0.1'],
  ['iCloud Private Relay at Akamai by IPv6', '2a02:26f7::1'],
  ['iCloud Private Relay at Fastly', '146.75.160.1'],
  ['Cloudflare WARP by IPv6', '2a09:bac0::1'],
])('the seed file leaves alone %s', (_who, text) => {
  const network = parseNetwork(text)
  expect(network && readSeedFile().centres.find(network)).toBeUndefined()
})
