/**
 * Reads a map of settings of ccs.yml, whose keys may contain maps of their own: each setting is
 * described once, by its path joined by dots and its reader. A variable that is not set is no
 * fault: only a command that needs the setting says so.
 */
import type { DocumentReader } from '../documents/document-reader.ts'
import type { ValueReader } from '../documents/value-readers.ts'
import { type FilledText, fillFromEnv, type VariableSources } from '../documents/variables.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { isObject, type JsonObject } from '../kernel/json.ts'
import { SECRET_KEY } from '../kernel/redact.ts'

/** Fills in `${VAR}`; a result of digits only becomes a number. */
export function fillSetting(
  value: unknown,
  env: VariableSources['env'],
): { readonly value: unknown } | Exclude<FilledText, { readonly text: string }> {
  if (typeof value !== 'string' || !value.includes('${')) return { value }
  const filled = fillFromEnv(value, env)
  if (!('text' in filled)) return filled
  return { value: /^\d+$/.test(filled.text) ? Number(filled.text) : filled.text }
}

/** What the settings of a map are, and where their faults go. */
export interface SettingsReading {
  /** The map's own place in the file. */
  readonly path: readonly string[]
  /** What an unknown key is not, such as `a setting of a target`; `path` leads to its map. */
  readonly what: (path: readonly string[]) => string
  readonly settings: Readonly<Record<string, ValueReader<unknown>>>
  /** Keys of the map that are read otherwise. */
  readonly others?: Readonly<Record<string, (value: unknown, path: readonly string[]) => void>>
  readonly env: VariableSources['env']
  readonly reader: DocumentReader
}

/** What could be read. */
export interface ReadSettings {
  /** By the path of each setting that is given. */
  readonly values: ReadonlyMap<string, unknown>
  /** Names of variables that are not set. */
  readonly missing: readonly string[]
}

/** Reads all settings of the map; unknown keys and wrong values are faults. */
export function readSettings(map: JsonObject, reading: SettingsReading): ReadSettings {
  const { path: root, what, settings, others = {}, env, reader } = reading
  const values = new Map<string, unknown>()
  const missing: string[] = []
  const walk = (part: JsonObject, path: readonly string[]) => {
    for (const [key, value] of Object.entries(part)) {
      const here = [...path, key]
      const setting = here.join('.')
      const at = [...root, ...here]
      const read = settings[setting]
      const other = path.length === 0 && Object.hasOwn(others, key) ? others[key] : undefined
      if (other) other(value, at)
      else if (isObject(value) && namesBelow(settings, here).length > 0) walk(value, here)
      else if (!read)
        reader.fault(
          at,
          () => `${reader.quoteKey(at)} is not ${what(at.slice(0, -1))}.`,
          () => didYouMean(key, [...namesBelow(settings, path), ...Object.keys(others)]),
          'key',
        )
      else if (value !== null) {
        const filled = fillSetting(value, env)
        if ('missing' in filled) missing.push(filled.missing)
        else {
          const found = 'wrong' in filled ? filled : read(filled.value)
          // A secret may begin on the line below its key, which would be shown.
          const place = SECRET_KEY.test(setting) ? 'key' : 'value'
          if ('value' in found) values.set(setting, found.value)
          else reader.fault(at, `${at.join('.')} ${found.wrong}`, undefined, place)
        }
      }
    }
  }
  walk(map, [])
  return { values, missing }
}

/** The next steps of all settings that lie below a path. */
function namesBelow(settings: SettingsReading['settings'], path: readonly string[]) {
  const start = path.map((step) => `${step}.`).join('')
  const below = Object.keys(settings).filter((key) => key.startsWith(start))
  return [...new Set(below.map((key) => key.slice(start.length).split('.')[0] ?? ''))]
}
