/**
 * Checks a connector's settings against its documentation before anything is sent:
 * names, types, allowed values, and settings that need others. Connect's own validation
 * accepts much that fails later.
 */

import { didYouMean, findNearest } from '../kernel/did-you-mean.ts'
import { appendAll } from '../kernel/lists.ts'
import {
  CATALOG_KEYS,
  findSettings,
  ICEBERG_SINK,
  S3_SINK,
  type SettingRule,
} from './setting-rules.ts'

/** Something wrong with a setting. */
export interface SettingFault {
  /** undefined: the fault concerns the config as a whole. */
  readonly key: string | undefined
  /** Words that follow the key, or a whole sentence if there is no key. */
  readonly wrong: string
  readonly hint?: string
}

/** Key → value, with variables filled in. */
export type Settings = Readonly<Record<string, string>>

/** Which values may be checked and displayed. */
export interface CheckOptions {
  /** Keys whose value is not known yet; they count as set, but their values are not checked. */
  readonly unresolved: ReadonlySet<string>
  /** Values as a message may repeat them, without secrets. */
  readonly displayed: Settings
}

/** Returns everything that is wrong with a sink's settings. */
export function checkSink(
  config: Settings,
  { unresolved, displayed }: CheckOptions,
): readonly SettingFault[] {
  const { rules, openPrefixes, isKnown } = findSettings(config['connector.class'] ?? '')
  const faults: SettingFault[] = []
  for (const [key, value] of Object.entries(config)) {
    const rule = rules[key]
    if (rule) {
      const wrong = unresolved.has(key)
        ? undefined
        : checkValue(rule, value, displayed[key] ?? value)
      if (wrong !== undefined) faults.push({ key, wrong })
    } else if (!openPrefixes.some((start) => key.startsWith(start) && key !== start)) {
      if (isKnown)
        faults.push({
          key,
          wrong: 'is not a setting of this connector.',
          hint: didYouMean(key, Object.keys(rules)),
        })
    } else {
      const near = key.startsWith('iceberg.catalog.') ? suggestCatalogKey(key) : undefined
      if (near) faults.push({ key, wrong: 'is not a known setting of catalogs.', hint: near })
    }
  }
  for (const [key, rule] of Object.entries(rules))
    if (rule.required && config[key] === undefined)
      faults.push({
        key: undefined,
        wrong: `${key} is missing.`,
        hint: `Add to config: "${key}": "…"`,
      })
  const has = (key: string) => config[key] !== undefined
  appendAll(faults, checkTopics(has))
  appendAll(faults, checkTransforms(config, 'transforms'))
  if (config['connector.class'] === ICEBERG_SINK) appendAll(faults, checkIceberg(config, has))
  if (config['connector.class'] === S3_SINK) appendAll(faults, checkS3(config, has))
  return faults
}

/** Returns what is wrong with a value, in words that follow the key. */
function checkValue(rule: SettingRule, value: string, displayed: string): string | undefined {
  const text = value.trim()
  switch (rule.type) {
    case 'boolean':
      return /^(true|false)$/i.test(text) ? undefined : `must be true or false, not "${displayed}".`
    case 'int':
    case 'long': {
      const bits = rule.type === 'int' ? 32n : 64n
      if (!/^[-+]?\d+$/.test(text)) return `must be an integer, not "${displayed}".`
      const number = BigInt(text.replace('+', ''))
      if (number >= 1n << (bits - 1n)) return `must fit into ${bits} bits, not be ${displayed}.`
      return rule.min !== undefined && number < BigInt(rule.min)
        ? `must be at least ${rule.min}, not ${displayed}.`
        : undefined
    }
    case 'class':
      return /^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/.test(text)
        ? undefined
        : `must be the name of a class, not "${displayed}".`
    case 'string':
    case 'list':
    case 'password':
      return rule.allowed && !rule.allowed.includes(text)
        ? `must be one of ${rule.allowed.join(', ')}, not "${displayed}".`
        : undefined
  }
}

/** A catalog accepts any key, but a key that is one letter from a common one is probably a typo. */
function suggestCatalogKey(key: string): string | undefined {
  if (CATALOG_KEYS.includes(key)) return undefined
  const end = (name: string) => name.slice('iceberg.catalog.'.length)
  const near = findNearest(end(key), CATALOG_KEYS.map(end))
  // Many short names are a letter apart; only in long ones may two letters differ.
  if (near === undefined || Math.abs(near.length - end(key).length) > 2) return undefined
  return near.length < 6 ? undefined : `Did you mean "iceberg.catalog.${near}"?`
}

function checkTopics(has: (key: string) => boolean): readonly SettingFault[] {
  if (has('topics') && has('topics.regex'))
    return [
      { key: 'topics.regex', wrong: 'is set beside topics; Connect accepts only one of them.' },
    ]
  if (!has('topics') && !has('topics.regex'))
    return [{ key: undefined, wrong: 'topics is missing; a sink needs topics to read.' }]
  return []
}

/**
 * Each name in `transforms` needs a type; settings of names that are not in the list do nothing.
 */
function checkTransforms(config: Settings, list: 'transforms'): readonly SettingFault[] {
  const names = parseList(config[list] ?? '')
  const untyped = names
    .filter((name) => config[`${list}.${name}.type`] === undefined)
    .map((name) => ({ key: list, wrong: `names "${name}", which has no ${list}.${name}.type.` }))
  const unused = Object.keys(config).flatMap((key) => {
    const name = key.startsWith(`${list}.`) ? key.split('.')[1] : undefined
    if (name === undefined || names.includes(name)) return []
    const hint = names.length > 0 ? didYouMean(name, names) : `"${list}": "${name}"`
    return [{ key, wrong: `does nothing: "${name}" is not in ${list}.`, hint }]
  })
  return [...untyped, ...unused]
}

function checkIceberg(config: Settings, has: (key: string) => boolean): readonly SettingFault[] {
  const faults: SettingFault[] = []
  const isDynamic = /^true$/i.test(config['iceberg.tables.dynamic-enabled'] ?? '')
  if (isDynamic && !has('iceberg.tables.route-field'))
    faults.push({
      key: 'iceberg.tables.dynamic-enabled',
      wrong: 'needs iceberg.tables.route-field: the field with the name of the table.',
    })
  if (!isDynamic && !has('iceberg.tables'))
    faults.push({
      key: undefined,
      wrong: 'iceberg.tables is missing: the table that the records go to.',
    })
  if (!has('iceberg.catalog.type') && !has('iceberg.catalog.catalog-impl'))
    faults.push({
      key: undefined,
      wrong: 'iceberg.catalog.type is missing: which catalog keeps the tables.',
    })
  const type = config['iceberg.catalog.type']
  if (['jdbc', 'rest', 'hive'].includes(type ?? '') && !has('iceberg.catalog.uri'))
    faults.push({ key: 'iceberg.catalog.type', wrong: `"${type}" needs iceberg.catalog.uri.` })
  if (['jdbc', 'hadoop'].includes(type ?? '') && !has('iceberg.catalog.warehouse'))
    faults.push({
      key: 'iceberg.catalog.type',
      wrong: `"${type}" needs iceberg.catalog.warehouse.`,
    })
  return faults
}

const PARTITIONER_NEEDS: Readonly<Record<string, readonly string[]>> = {
  TimeBasedPartitioner: ['partition.duration.ms', 'path.format', 'locale', 'timezone'],
  DailyPartitioner: ['locale', 'timezone'],
  HourlyPartitioner: ['locale', 'timezone'],
  FieldPartitioner: ['partition.field.name'],
}

function checkS3(config: Settings, has: (key: string) => boolean): readonly SettingFault[] {
  const partitioner = config['partitioner.class']?.split('.').at(-1) ?? ''
  const faults: SettingFault[] = (PARTITIONER_NEEDS[partitioner] ?? [])
    .filter((key) => !has(key))
    .map((key) => ({ key: 'partitioner.class', wrong: `needs ${key}.` }))
  if (config['timestamp.extractor'] === 'RecordField' && !has('timestamp.field'))
    faults.push({ key: 'timestamp.extractor', wrong: 'RecordField needs timestamp.field.' })
  if (Number(config['rotate.schedule.interval.ms'] ?? -1) > 0 && !has('timezone'))
    faults.push({ key: 'rotate.schedule.interval.ms', wrong: 'needs timezone.' })
  return faults
}

/** Splits the value of a list setting. */
export function parseList(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}
