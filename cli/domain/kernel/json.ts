/** Guards for values of unknown shape, as JSON.parse and the YAML reader give them. */

/** The value of a JSON text; undefined for anything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An object with keys: no array, not null. Its values are not looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether the value is an object with keys. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The value, or {} for anything that is not an object: reading a key of it gives undefined then.
 */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** The value, or [] for anything that is not an array. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The objects of an array, without what else is in it; [] for anything that is not an array. */
export function asObjects(value: unknown): readonly JsonObject[] {
  return asList(value).filter(isObject)
}

/** Whether the value is an array of strings. */
export function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** The same value with the keys of all objects in order, so that equal values give equal JSON. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]))
}
