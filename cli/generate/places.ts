/**
 * Attributes of visitors: cities, devices, campaigns, referrers. Small fixed lists; a pipeline
 * depends on how values are distributed, not on the names.
 */
import type { Event } from '../domain/events/contracts.ts'
import type { Random } from './random.ts'

/** Where a visitor lives, and in which currency the shop charges there (ISO 4217). */
export interface City {
  readonly city: string
  readonly country: string
  readonly currency: string
}

/** From most to least frequent. */
export const CITIES: readonly City[] = [
  ['Berlin', 'DE', 'EUR'],
  ['Hamburg', 'DE', 'EUR'],
  ['München', 'DE', 'EUR'],
  ['Köln', 'DE', 'EUR'],
  ['Leipzig', 'DE', 'EUR'],
  ['Frankfurt', 'DE', 'EUR'],
  ['Wien', 'AT', 'EUR'],
  ['Graz', 'AT', 'EUR'],
  ['Zürich', 'CH', 'CHF'],
  ['Genève', 'CH', 'CHF'],
  ['Paris', 'FR', 'EUR'],
  ['Lyon', 'FR', 'EUR'],
  ['Amsterdam', 'NL', 'EUR'],
  ['Utrecht', 'NL', 'EUR'],
  ['London', 'GB', 'GBP'],
  ['Leeds', 'GB', 'GBP'],
  ['Stockholm', 'SE', 'SEK'],
  ['Malmö', 'SE', 'SEK'],
  ['Warszawa', 'PL', 'PLN'],
  ['Łódź', 'PL', 'PLN'],
  ['Madrid', 'ES', 'EUR'],
  ['Milano', 'IT', 'EUR'],
  ['Brooklyn', 'US', 'USD'],
  ['Austin', 'US', 'USD'],
].map(([city = '', country = '', currency = '']) => ({ city, country, currency }))

/** Device and browser of a visitor. */
export interface Agent {
  readonly device: Event['device']
  readonly source: Event['source']
  readonly userAgent: string | null
}

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)'
const SAFARI = `${WEBKIT} Version/18.6`
const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0'
const HEADLESS = CHROME.replace('Chrome', 'HeadlessChrome')

/** Devices of people; all are equally likely. */
export const AGENTS: readonly Agent[] = [
  {
    device: 'mobile',
    source: 'web',
    userAgent: `${IPHONE} ${SAFARI} Mobile/15E148 Safari/604.1`,
  },
  {
    device: 'mobile',
    source: 'web',
    userAgent: `Mozilla/5.0 (Linux; Android 15; Pixel 9) ${CHROME} Mobile Safari/537.36`,
  },
  {
    device: 'mobile',
    source: 'web',
    userAgent: `Mozilla/5.0 (Linux; Android 14; SM-S921B) ${CHROME} Mobile Safari/537.36`,
  },
  { device: 'mobile', source: 'app', userAgent: 'ShopApp/7.2 (iOS 18.6)' },
  { device: 'mobile', source: 'app', userAgent: null },
  {
    device: 'tablet',
    source: 'web',
    userAgent: `Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) ${SAFARI} Safari/604.1`,
  },
  {
    device: 'desktop',
    source: 'web',
    userAgent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`,
  },
  {
    device: 'desktop',
    source: 'web',
    userAgent: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${SAFARI} Safari/605.1.15`,
  },
  {
    device: 'desktop',
    source: 'web',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  },
  {
    device: 'desktop',
    source: 'web',
    userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0',
  },
]

/** Bots: recognizable by `device`, or only by their user agent. */
export const BOT_AGENTS: readonly Agent[] = [
  {
    device: 'bot',
    source: 'web',
    userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  },
  { device: 'bot', source: 'web', userAgent: null },
  {
    device: 'desktop',
    source: 'web',
    userAgent: 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  },
  { device: 'desktop', source: 'web', userAgent: 'Mozilla/5.0 (compatible; Baiduspider/2.0)' },
  {
    device: 'desktop',
    source: 'web',
    userAgent: `Mozilla/5.0 (X11; Linux x86_64) ${HEADLESS} Safari/537.36`,
  },
  { device: 'mobile', source: 'web', userAgent: 'shopwatch-crawler/1.4' },
]

/** Values of the utm_ parameters of a link. */
export interface Campaign {
  readonly source: string
  readonly medium: string | null
  readonly campaign: string | null
}

/** Campaigns that lead to the shop; all are equally likely. */
export const CAMPAIGNS: readonly Campaign[] = [
  { source: 'google', medium: 'cpc', campaign: 'brand' },
  { source: 'google', medium: 'cpc', campaign: 'shoes-winter' },
  { source: 'google', medium: 'cpc', campaign: 'generic' },
  { source: 'newsletter', medium: 'email', campaign: 'week-47' },
  { source: 'newsletter', medium: 'email', campaign: 'basket-reminder' },
  { source: 'instagram', medium: 'social', campaign: 'creators' },
  { source: 'facebook', medium: 'social', campaign: null },
  { source: 'partner-net', medium: 'affiliate', campaign: 'spring' },
  { source: 'idealo', medium: null, campaign: null },
]

/** Pages that link to the shop. */
export const REFERRERS: readonly string[] = [
  'https://www.google.com/',
  'https://duckduckgo.com/',
  'https://www.bing.com/',
  'https://www.instagram.com/',
  'https://blog.example.org/best-of',
  'https://www.reddit.com/r/deals/',
]

/** What visitors search for; the last term has no results. */
export const SEARCH_TERMS: readonly string[] = [
  'running shoes',
  'rain jacket',
  'mug',
  'desk lamp',
  'kids bike',
  'müsli',
  'headphones',
  'backpack',
  'gift',
  'wool socks',
  'yoga mat',
  'tent 2 persons',
  'café au lait',
  'sale',
  'size 42',
  'asdfgh',
]

/** Values of payment_type. */
export const PAYMENT_TYPES: readonly string[] = ['card', 'paypal', 'invoice', 'apple_pay', 'klarna']

/** About half of the devices are phones, as in most shops. */
export function pickAgent(random: Random): Agent {
  return random.pick(AGENTS)
}

/** Cities at the front of the list are more frequent (density falls with the square root). */
export function pickCity(random: Random): City {
  const u = random.float()
  return CITIES[Math.floor(u * u * CITIES.length)] ?? random.pick(CITIES)
}
