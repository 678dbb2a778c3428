/** The attributes by which a schema of ccs bounds the values of a field, beyond Avro's types. */
import { isObject, isStringList, type JsonObject } from '../kernel/json.ts'

/** Bounds of a field's values, both included; the gate checks them. */
export interface FieldRules {
  readonly minimum?: number
  readonly maximum?: number
  /** In bytes of UTF-8, as is `maxLength`. */
  readonly minLength?: number
  readonly maxLength?: number
  readonly maxItems?: number
  /** The texts that a field may have; 'currency': codes of ISO 4217, in capitals. */
  readonly format?: 'currency'
  /** A number is at most the product of these two fields of the same record. */
  readonly maximumProduct?: FieldPair
  /** The products of two fields, summed over the records of a list, are at most `maximum`. */
  readonly maximumSum?: { readonly product: FieldPair; readonly maximum: number }
}

/** Names of two fields of one record; both are int or long, and never null. */
export type FieldPair = readonly [string, string]

/** The attributes of a field that bound its values. */
export const FIELD_RULES = ['minimum', 'maximum', 'minLength', 'maxLength', 'maxItems'] as const

/** The attributes of a field that are not a single number. */
export const RELATION_RULES = ['format', 'maximumProduct', 'maximumSum'] as const

/**
 * Reads the attributes of RELATION_RULES from the plain JSON of a field. Returns the fault, as the
 * end of a sentence that begins with the schema's name, if one has another shape.
 */
export function parseRelationRules(json: JsonObject): FieldRules | string {
  const { name, format, maximumProduct, maximumSum } = json
  const wrong = (rule: string, shape: string) => `field ${String(name)}: ${rule} is not ${shape}`
  if (format !== undefined && format !== 'currency') return wrong('format', '"currency"')
  if (maximumProduct !== undefined && !isFieldPair(maximumProduct))
    return wrong('maximumProduct', 'a list of two field names')
  const sum = maximumSum === undefined ? undefined : parseMaximumSum(maximumSum)
  if (maximumSum !== undefined && sum === undefined)
    return wrong('maximumSum', '{"product": [field, field], "maximum": number}')
  return {
    ...(format === undefined ? {} : { format }),
    ...(maximumProduct === undefined ? {} : { maximumProduct }),
    ...(sum === undefined ? {} : { maximumSum: sum }),
  }
}

function parseMaximumSum(json: unknown): FieldRules['maximumSum'] {
  if (!isObject(json) || !isFieldPair(json.product)) return undefined
  const { product, maximum } = json
  return typeof maximum === 'number' ? { product, maximum } : undefined
}

function isFieldPair(json: unknown): json is FieldPair {
  return isStringList(json) && json.length === 2
}
