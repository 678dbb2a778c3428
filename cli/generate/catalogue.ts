/**
 * What the shop sells: a few hundred products in ten categories, some of them best sellers. Order
 * lines and pages are created once per product, so that most events allocate nothing.
 */
import type { Item } from '../domain/events/contracts.ts'
import { SEARCH_TERMS } from './places.ts'
import type { Random } from './random.ts'

/** A page of the shop, as a page_view reports it. */
export interface Page {
  readonly path: string
  readonly title: string
  readonly url: string
}

/** A product with the objects that its events share. */
export interface Product {
  readonly sku: string
  readonly name: string
  readonly category: string | null
  readonly brand: string | null
  readonly priceMinor: number
  readonly page: Page
  /** Order lines for a quantity of one, two and three without discount; never modified. */
  readonly lines: readonly (readonly Item[])[]
}

/** Everything that visitors can look at. */
export interface Catalogue {
  /** Best sellers first. */
  readonly products: readonly Product[]
  readonly categoryPages: readonly Page[]
  readonly searches: readonly { readonly term: string; readonly page: Page }[]
}

const CATEGORIES: readonly (readonly [
  name: string,
  nouns: string,
  fromMinor: number,
  toMinor: number,
])[] = [
  ['shoes', 'Sneaker,Boot,Sandal,Loafer', 3900, 19900],
  ['jackets', 'Parka,Anorak,Blazer,Vest', 4900, 29900],
  ['shirts', 'Tee,Polo,Blouse,Henley', 1200, 6900],
  ['home', 'Lamp,Mug,Blanket,Vase', 490, 14900],
  ['kitchen', 'Pan,Knife,Kettle,Board', 990, 24900],
  ['outdoor', 'Tent,Backpack,Bottle,Stove', 1490, 49900],
  ['kids', 'Puzzle,Scooter,Plush,Blocks', 790, 12900],
  ['audio', 'Headphones,Speaker,Turntable,Earbuds', 1990, 59900],
  ['beauty', 'Balm,Serum,Soap,Brush', 350, 7900],
  ['gifts & more', 'Card,Candle,Box,Voucher', 150, 5000],
]
const BRANDS = [
  'Nordlys',
  'Havn',
  'Kestrel',
  'Ortega & Söhne',
  'Mori',
  'Tallow',
  'Fjell',
  'Acme',
  'Bruno',
  'Lumen',
]
const STYLES = [
  'Classic',
  'Light',
  'Urban',
  'Trail',
  'Mini',
  'Pro',
  'Soft',
  'Retro',
  'Eco',
  'Grand',
]
const PRODUCTS_PER_CATEGORY = 32

/** Builds a page of shop.example from its path. */
export function createPage(path: string, title: string): Page {
  return { path, title, url: `https://shop.example${path}` }
}

/** Creates the catalogue; the same random seed gives the same products. */
export function buildCatalogue(random: Random): Catalogue {
  const products: Product[] = []
  for (const [category, nouns, fromMinor, toMinor] of CATEGORIES) {
    const names = nouns.split(',')
    for (let n = 0; n < PRODUCTS_PER_CATEGORY; n++) {
      const brand = random.pick(BRANDS)
      const name = `${brand} ${random.pick(STYLES)} ${names[n % names.length] ?? ''}`
      const sku = `${category.slice(0, 3).toUpperCase()}-${String(1000 + n * 7)}`
      const cheap = random.float() * random.float()
      const priceMinor = fromMinor + Math.floor((cheap * (toMinor - fromMinor)) / 10) * 10
      const hasCategory = !random.chance(0.02)
      products.push(
        createProduct({
          sku,
          name,
          priceMinor,
          category: hasCategory ? category : null,
          brand: random.chance(0.05) ? null : brand,
        }),
      )
    }
  }
  shuffle(products, random)
  return {
    products,
    categoryPages: CATEGORIES.map(([name]) =>
      createPage(`/c/${name.replaceAll(/\W+/g, '-')}`, name),
    ),
    searches: SEARCH_TERMS.map((term) => ({
      term,
      page: createPage(`/search?q=${encodeURIComponent(term)}`, `Search: ${term}`),
    })),
  }
}

/** Popularity is skewed: a tenth of the products get about half of the views. */
export function pickProduct(catalogue: Catalogue, random: Random): Product {
  const u = random.float()
  const at = Math.floor(u * u * u * catalogue.products.length)
  return catalogue.products[at] ?? random.pick(catalogue.products)
}

function createProduct(facts: Omit<Product, 'page' | 'lines'>): Product {
  return {
    ...facts,
    page: createPage(`/p/${facts.sku.toLowerCase()}`, facts.name),
    lines: [1, 2, 3].map((quantity) => [createLine(facts, quantity, 0)]),
  }
}

/** Creates an order line; `discountMinor` is the discount on the whole line. */
export function createLine(
  of: Pick<Product, 'sku' | 'name' | 'category' | 'brand' | 'priceMinor'>,
  quantity: number,
  discountMinor: number,
): Item {
  return {
    sku: of.sku,
    name: of.name,
    category: of.category,
    brand: of.brand,
    unit_price_minor: of.priceMinor,
    quantity,
    discount_minor: discountMinor,
  }
}

function shuffle(list: Product[], random: Random): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const a = list[i]
    const b = list[j]
    if (a === undefined || b === undefined) continue
    list[i] = b
    list[j] = a
  }
}
