/** Who sent a request, from its headers: the page's origin, the network, the visitor's cookie. */
import type { IncomingMessage } from 'node:http'
import {
  type DataCentres,
  isLoopback,
  nameNetwork,
  parseNetwork,
} from '../../domain/collector/network.ts'
import type { Sender } from '../../domain/collector/visitor.ts'
import type { CollectSettings } from '../../domain/config/read-collect.ts'
import { Refusal } from './answers.ts'

const TEXT_MAX = 500

/** What of a sender is known before it has said who it is. */
export type Client = Omit<Sender, 'name' | 'receivedMs'> & {
  /** Not this machine, as which all visitors appear behind a proxy that does not name them. */
  readonly isRemote: boolean
  /** Of the page, if it may send. */
  readonly origin: string | undefined
}

/** The page that a request comes from, if it may send; undefined if it comes from no page. */
export function checkOrigin(
  request: IncomingMessage,
  { origins }: CollectSettings,
  port: number,
): string | undefined | Refusal {
  const { origin, referer } = request.headers
  // Pixels and older beacons name the page only here.
  const page =
    origin ?? (referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : undefined)
  if (page === undefined) return undefined
  const own = [`http://127.0.0.1:${port}`, `http://localhost:${port}`]
  if (origins.includes(page) || own.includes(page)) return page
  return new Refusal(
    403,
    `Pages of ${clip(page)} may not send. List the address under collect.origins in ccs.yml.`,
  )
}

/** Reads the client. `isOfPages`: only pages send to this path. */
export function readClient(
  request: IncomingMessage,
  settings: CollectSettings,
  more: {
    readonly origin: string | undefined
    readonly places: Places
    readonly isOfPages: boolean
  },
): Client {
  const { headers } = request
  const named = settings.headers
  const told = last(headers[named.address])
  const place =
    (told === undefined ? undefined : more.places.find(told)) ??
    more.places.find(request.socket.remoteAddress ?? '') ??
    NOWHERE
  const isBrowser =
    more.isOfPages || more.origin !== undefined || headers['sec-fetch-site'] !== undefined
  return {
    isBrowser,
    isRemote: place.isRemote,
    origin: more.origin,
    site: more.origin ?? '',
    network: place.network,
    isDataCentre: place.isDataCentre,
    userAgent: clip(headers['user-agent'] ?? ''),
    referrer: headers.referer === undefined ? undefined : clip(headers.referer, 2_000),
    country: readCountry(last(headers[named.country])),
    city: readPlace(last(headers[named.city])),
    cookie: readCookie(headers.cookie, settings.cookie),
    refuses: headers['sec-gpc'] === '1' || headers.dnt === '1',
  }
}

/** What an address says of a client. */
type Place = Pick<Client, 'network' | 'isRemote' | 'isDataCentre'>

const NOWHERE: Place = { network: '', isRemote: false, isDataCentre: false }
const PLACES_MAX = 10_000

/** Addresses come again and again: the last ones are remembered, in memory alone. */
export class Places {
  readonly #dataCentres: DataCentres
  readonly #known = new Map<string, Place | undefined>()

  constructor(dataCentres: DataCentres) {
    this.#dataCentres = dataCentres
  }

  /** undefined for a text that is no address. */
  find(address: string): Place | undefined {
    const known = this.#known.get(address)
    if (known !== undefined) return known
    const network = parseNetwork(address.slice(0, ADDRESS_MAX))
    if (network === undefined) return undefined
    const place = {
      network: nameNetwork(network),
      isRemote: !isLoopback(network),
      isDataCentre: this.#dataCentres.find(network) !== undefined,
    }
    if (this.#known.size >= PLACES_MAX) this.#known.clear()
    this.#known.set(address, place)
    return place
  }
}

const ADDRESS_MAX = 100

function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  const own = header.split(/;\s*/).find((one) => one.startsWith(`${name}=`))
  return own?.slice(name.length + 1)
}

/** The last entry of a list: the one that the nearest proxy has added. */
function last(header: string | readonly string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.at(-1) : header
  return typeof text === 'string' ? text.split(',').at(-1)?.trim() : undefined
}

function readCountry(text: string | undefined): string | null {
  const code = text?.toUpperCase() ?? ''
  // Proxies say XX or T1 for what they don't know.
  return /^[A-Z]{2}$/.test(code) && code !== 'XX' ? code : null
}

function readPlace(text: string | undefined): string | null {
  if (text === undefined || text === '') return null
  // Headers are bytes; Node reads them as Latin-1, and proxies write UTF-8.
  const utf8 = Buffer.from(text, 'latin1').toString('utf8')
  return clip(utf8.includes('\ufffd') ? text : utf8, 100)
}

function clip(text: string, max = TEXT_MAX): string {
  return text.length > max ? text.slice(0, max) : text
}
