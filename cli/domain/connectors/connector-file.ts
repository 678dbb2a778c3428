/**
 * A file of connectors/ as written: name, engines, and settings with variables that are not filled
 * in yet. All faults are reported at once, each with its place.
 */

import { ENGINE_NAMES, type EngineName } from '../config/engines.ts'
import { type NamedText, parseLocatedJson } from '../documents/json-document.ts'
import {
  listCcsVariables,
  listTemplateFiles,
  parseTemplate,
  type VariablePart,
} from '../documents/variables.ts'
import type { JsonNode } from '../documents/yaml-document.ts'
import { locateOffset } from '../documents/yaml-document.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, type Location } from '../kernel/errors.ts'

/** One setting and where it is written. */
export interface Setting {
  readonly key: string
  /** The value as written, with its variables. */
  readonly text: string
  readonly parts: readonly VariablePart[]
  readonly keyLocation: Location
  readonly valueLocation: Location
}

/** A connector as its file defines it. */
export interface ConnectorFile {
  readonly file: string
  readonly name: string
  readonly nameLocation: Location
  /** undefined: for targets of any engine. */
  readonly engines: readonly EngineName[] | undefined
  /**
   * Whether a cluster without the connector's class is an error; otherwise
   * the connector is skipped.
   */
  readonly isRequired: boolean
  /** Deploy this one only if the class of that other connector is missing. */
  readonly insteadOf: { readonly name: string; readonly at: Location } | undefined
  readonly settings: readonly Setting[]
}

/** Variables that ccs itself provides, as `${ccs.<name>}`. */
export const CCS_VARIABLES = [
  'target',
  'prefix',
  'brokers',
  'replication',
  'registry_url',
  'apicurio_url',
] as const

const FILE_KEYS = ['name', 'doc', 'engines', 'required', 'insteadOf', 'config']

/** Adds what is wrong to `faults`; returns undefined if the file is not a connector at all. */
export function readConnectorFile(
  source: NamedText,
  faults: CcsError[],
): ConnectorFile | undefined {
  const fault = (message: string, location: Location, hint?: string) => {
    faults.push(invalidConnectorError(message, location, hint))
  }
  const root = parsePlaces(source, faults)
  if (!root) return undefined
  if (root.is !== 'object') {
    fault(
      'A connector must be a JSON object.',
      locateOffset(source, root.at),
      'Write { "name": "…", "config": { … } }.',
    )
    return undefined
  }
  for (const [key, place] of root.entries)
    if (!FILE_KEYS.includes(key))
      fault(
        `"${key}" is not a key of a connector file.`,
        locateKey(source, key, place),
        didYouMean(key, FILE_KEYS),
      )
  const start = locateOffset(source, root.at)
  const name = readText(root, 'name')
  const nameAt = locateOffset(source, root.entries.get('name')?.at ?? root.at)
  if (name === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    fault('name must be letters, digits, ".", "-" and "_".', nameAt)
  const config = root.entries.get('config')
  if (config?.is !== 'object') fault('config must be an object of settings.', start)
  const required = readScalar(root, 'required')
  if (required !== undefined && typeof required !== 'boolean')
    fault(
      'required must be true or false.',
      locateOffset(source, root.entries.get('required')?.at ?? 0),
    )
  const insteadOf = readText(root, 'insteadOf')
  const insteadAt = root.entries.get('insteadOf')
  if (insteadAt && insteadOf === undefined)
    fault('insteadOf must name another connector.', locateOffset(source, insteadAt.at))
  return {
    file: source.file,
    name: name ?? '',
    nameLocation: nameAt,
    engines: readEngines(source, root, fault),
    isRequired: required === true,
    insteadOf:
      insteadAt && insteadOf !== undefined
        ? { name: insteadOf, at: locateOffset(source, insteadAt.at) }
        : undefined,
    settings: config?.is === 'object' ? readSettings(source, config, fault) : [],
  }
}

type Fault = (message: string, location: Location, hint?: string) => void
type ObjectPlace = Extract<JsonNode, { readonly is: 'object' }>

function parsePlaces(source: NamedText, faults: CcsError[]): JsonNode | undefined {
  try {
    return parseLocatedJson(source, 'CCS_CONNECTOR_INVALID')
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    faults.push(error)
    return undefined
  }
}

function readEngines(
  source: NamedText,
  root: ObjectPlace,
  fault: Fault,
): readonly EngineName[] | undefined {
  const place = root.entries.get('engines')
  if (!place) return undefined
  const items = place.is === 'array' ? place.items : []
  if (items.length === 0)
    fault(`engines must be a list of ${ENGINE_NAMES.join(', ')}.`, locateOffset(source, place.at))
  return items.flatMap((item) => {
    const value = item.is === 'scalar' ? item.value : undefined
    const engine = ENGINE_NAMES.find((one) => one === value)
    if (engine) return [engine]
    fault(
      `${JSON.stringify(value)} is not an engine.`,
      locateOffset(source, item.at),
      didYouMean(String(value), ENGINE_NAMES),
    )
    return []
  })
}

function readSettings(source: NamedText, config: ObjectPlace, fault: Fault): readonly Setting[] {
  return [...config.entries].flatMap(([key, place]) => {
    const keyLocation = locateKey(source, key, place)
    const valueLocation = locateOffset(source, place.at)
    if (place.is !== 'scalar' || place.value === null) {
      fault(`${key} must be a text, a number, true or false.`, valueLocation)
      return []
    }
    const text = String(place.value)
    const parts = parseTemplate(text)
    if ('wrong' in parts) {
      fault(`${key} ${parts.wrong}`, valueLocation)
      return []
    }
    for (const name of listCcsVariables(parts))
      if (!CCS_VARIABLES.some((one) => one === name))
        fault(
          `\${ccs.${name}} is no variable of ccs.`,
          valueLocation,
          didYouMean(name, CCS_VARIABLES),
        )
    return [{ key, text, parts, keyLocation, valueLocation }]
  })
}

/** Paths of the files that the connectors of a project read values from. */
export function listSecretFiles(files: readonly NamedText[]): readonly string[] {
  const read = files.flatMap((one) => readConnectorFile(one, []) ?? [])
  const parts = read.flatMap((one) => one.settings.flatMap((setting) => setting.parts))
  return [...new Set(listTemplateFiles(parts))]
}

/** A fault in a connector's file: CCS_CONNECTOR_INVALID, exit 2. */
export function invalidConnectorError(
  message: string,
  location: Location,
  hint?: string,
): CcsError {
  return new CcsError('CCS_CONNECTOR_INVALID', message, {
    location,
    ...(hint === undefined ? {} : { hint }),
  })
}

function readScalar(root: ObjectPlace, key: string): string | number | boolean | null | undefined {
  const place = root.entries.get(key)
  return place?.is === 'scalar' ? place.value : undefined
}

function readText(root: ObjectPlace, key: string): string | undefined {
  const value = readScalar(root, key)
  return typeof value === 'string' ? value : undefined
}

/** Locates a key, which is written before its value. */
function locateKey(source: NamedText, key: string, value: JsonNode): Location {
  const at = source.text.lastIndexOf(JSON.stringify(key), value.at - 1)
  return locateOffset(source, at < 0 ? value.at : at)
}
