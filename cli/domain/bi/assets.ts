/**
 * The dashboards as files: what a person writes in `infra/superset/assets`. The keys are Superset's
 * own; only references are names of files instead of ids, and a dashboard is a list of rows. All
 * faults of all files are found before Superset is asked anything.
 */
import { DocumentReader } from '../documents/document-reader.ts'
import { parseYaml, type YamlPath } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import { asObject, isObject, type JsonObject } from '../kernel/json.ts'
import { ASSET_KINDS, type AssetKind, parseAssetFile } from './asset-id.ts'
import { WAREHOUSES } from './warehouse.ts'

/** A file as it was read. */
export interface AssetSource {
  readonly file: string
  readonly text: string
}

/** One file, its shape checked. */
export interface Asset {
  readonly kind: AssetKind
  readonly key: string
  readonly file: string
  readonly value: JsonObject
  /** Notes a fault in it; `endReading` throws them. */
  readonly reader: DocumentReader
}

/** All files by kind and key. */
export type Assets = Readonly<Record<AssetKind, ReadonlyMap<string, Asset>>>

/** Keys of a map of a file; a key with `!` must be there. */
type Keys = readonly string[]

const KEYS: Readonly<Record<AssetKind, Keys>> = {
  databases: ['database_name!', 'sqlalchemy_uri!', 'schema!', 'extra'],
  datasets: ['table_name!', 'description', 'main_dttm_col', 'sql', 'columns!', 'metrics!'],
  charts: ['slice_name!', 'description', 'dataset!', 'viz_type!', 'params!', 'cache_timeout'],
  dashboards: [...['dashboard_title!', 'description', 'slug!', 'css', 'label_colors', 'rows!']],
}

const COLUMN_KEYS: Keys = [
  ...['column_name!', 'type!', 'is_dttm', 'verbose_name', 'description', 'expression'],
]
const METRIC_KEYS: Keys = [
  ...['metric_name!', 'expression!', 'verbose_name', 'description', 'd3format'],
]
const ROW_KEYS: Keys = ['height!', 'charts!']
const PLACE_KEYS: Keys = ['chart!', 'width!']

/** Names of the kinds in messages. */
export const KIND_NAMES: Readonly<Record<AssetKind, string>> = {
  databases: 'database',
  datasets: 'dataset',
  charts: 'chart',
  dashboards: 'dashboard',
}

/** Reads the files; faults of their shape are noted, and thrown by `endReading`. */
export function readAssets(sources: readonly AssetSource[]): Assets {
  const found = {
    databases: new Map<string, Asset>(),
    datasets: new Map<string, Asset>(),
    charts: new Map<string, Asset>(),
    dashboards: new Map<string, Asset>(),
  }
  const broken: CcsError[] = []
  for (const { file, text } of sources) {
    const named = parseAssetFile(file)
    if (!named) {
      broken.push(misplaced(file))
      continue
    }
    try {
      const document = parseYaml(text, { file, code: 'CCS_BI_INVALID' })
      const reader = new DocumentReader(document, 'CCS_BI_INVALID')
      const value = readMap(reader, document.value, [], KIND_NAMES[named.kind], KEYS[named.kind])
      const asset = { ...named, file, value, reader }
      readParts(asset)
      found[named.kind].set(named.key, asset)
    } catch (error) {
      if (!(error instanceof CcsError)) throw error
      broken.push(error)
    }
  }
  throwAll(broken)
  return found
}

/** Throws the faults of all files as one error; does nothing where there are none. */
export function endReading(assets: Assets): void {
  const faults = ASSET_KINDS.flatMap((kind) =>
    [...assets[kind].values()].flatMap(({ reader }): readonly CcsError[] => {
      try {
        reader.throwFaults()
        return []
      } catch (error) {
        if (error instanceof CcsError) return [error]
        throw error
      }
    }),
  )
  throwAll(faults)
}

function misplaced(file: string): CcsError {
  return new CcsError('CCS_BI_INVALID', `${file} is in no folder of assets.`, {
    hint: `The folders are ${ASSET_KINDS.join(', ')}; names end in .yaml.`,
    location: { file },
  })
}

/** The shape of what stands inside lists. */
function readParts({ kind, value, reader }: Asset): void {
  if (kind === 'databases') checkAddress(reader, value)
  if (kind === 'datasets') {
    readItems(reader, value, 'columns', 'A column', COLUMN_KEYS)
    readItems(reader, value, 'metrics', 'A metric', METRIC_KEYS)
    checkStatements(reader, value)
  }
  if (kind === 'dashboards')
    for (const [row, path] of readItems(reader, value, 'rows', 'A row', ROW_KEYS))
      readPlaces(reader, row, path)
}

function readPlaces(reader: DocumentReader, row: JsonObject, path: YamlPath): void {
  reader.count(row.height, [...path, 'height'], 'height')
  let width = 0
  for (const [place, at] of readItems(reader, row, 'charts', 'A place', PLACE_KEYS, path))
    width += reader.count(place.width, [...at, 'width'], 'width') ?? 0
  if (width > ROW_WIDTH)
    reader.fault([...path, 'charts'], `The charts of this row are ${width} wide; a row is 12.`)
}

const ROW_WIDTH = 12

function readItems(
  reader: DocumentReader,
  value: JsonObject,
  key: string,
  what: string,
  keys: Keys,
  parent: YamlPath = [],
): readonly (readonly [JsonObject, YamlPath])[] {
  if (value[key] === undefined) return []
  const path = [...parent, key]
  return reader.list(value[key], path).map((item, index) => {
    const at = [...path, index]
    return [readMap(reader, item, at, what, keys), at] as const
  })
}

function readMap(
  reader: DocumentReader,
  value: unknown,
  path: YamlPath,
  what: string,
  keys: Keys,
): JsonObject {
  const known = keys.map((key) => key.replace('!', ''))
  const name = what.startsWith('A ') ? what : `A ${what}`
  const map = reader.map(value, path, name, known)
  if (isObject(value))
    for (const key of keys.filter((one) => one.endsWith('!')).map((one) => one.slice(0, -1)))
      if (map[key] === undefined || map[key] === null)
        reader.fault(path, `${name} must have the key "${key}".`)
  return map
}

/** A password in a file would be in the repository, and in every export. */
function checkAddress(reader: DocumentReader, value: JsonObject): void {
  const address = reader.text(value.sqlalchemy_uri, ['sqlalchemy_uri']) ?? ''
  if (/:\/\/[^/@]*:[^/@]*@/.test(address.replace(/\$\{[^}]*\}/g, 'x')) || /PWD|PASS/i.test(address))
    reader.fault(
      ['sqlalchemy_uri'],
      () => 'A password must not stand in an address.',
      () => 'Leave it out: RS_PWD is given to the driver when Superset connects.',
    )
}

/** `expression` and `sql` are one text, or one for each warehouse. */
function checkStatements(reader: DocumentReader, value: JsonObject): void {
  const check = (text: unknown, path: YamlPath) => {
    if (!isObject(text)) return void reader.text(text, path)
    reader.checkKeys(text, path, 'An expression', WAREHOUSES)
    for (const one of WAREHOUSES)
      if (text[one] === undefined)
        reader.fault(path, `The expression says nothing for ${one}.`, 'Write one for each.')
  }
  check(value.sql, ['sql'])
  for (const list of ['columns', 'metrics'])
    if (Array.isArray(value[list]))
      for (const [index, item] of value[list].entries())
        check(asObject(item).expression, [list, index, 'expression'])
}

/** A file that another one names; notes a fault where there is none. */
export function requireAsset(
  assets: Assets,
  kind: AssetKind,
  from: Asset,
  name: unknown,
  path: YamlPath,
): Asset | undefined {
  const key = from.reader.text(name, path)
  if (key === undefined) return undefined
  const asset = assets[kind].get(key)
  if (!asset)
    from.reader.fault(path, `There is no ${KIND_NAMES[kind]} "${key}".`, () =>
      didYouMean(key, [...assets[kind].keys()]),
    )
  return asset
}
