/** The fields of a schema as a flat list, those of nested records included. */
import type { SchemaField, SchemaType } from './tree.ts'

/** A field with its path. */
export interface SchemaFieldPath {
  /** Such as `items[].sku`: `[]` stands for the items of an array, `{}` for the values of a map. */
  readonly path: string
  readonly field: SchemaField
  /** The path without the field's name: `items[].`. */
  readonly within: string
}

/** In the schema's order. A record that contains itself is listed once. */
export function listFields(type: SchemaType): readonly SchemaFieldPath[] {
  return collect(type, '', [])
}

function collect(
  type: SchemaType,
  path: string,
  above: readonly SchemaType[],
): readonly SchemaFieldPath[] {
  switch (type.is) {
    case 'array':
      return collect(type.items, `${path}[]`, above)
    case 'map':
      return collect(type.values, `${path}{}`, above)
    case 'union':
      return type.branches.flatMap((branch) => collect(branch, path, above))
    case 'record': {
      if (above.includes(type)) return []
      const within = path === '' ? '' : `${path}.`
      return type.fields.flatMap((field) => {
        const own = `${within}${field.name}`
        return [{ path: own, field, within }, ...collect(field.type, own, [...above, type])]
      })
    }
    default:
      return []
  }
}

/** The top-level field of a path: `items` of `items[].sku`. */
export function topField(path: string): string {
  return path.split(/[.[{]/, 1)[0] ?? ''
}

/** Symbols of the enums in a type, also inside unions, arrays and maps; [] without an enum. */
export function listSymbols(type: SchemaType): readonly string[] {
  switch (type.is) {
    case 'enum':
      return type.symbols
    case 'array':
      return listSymbols(type.items)
    case 'map':
      return listSymbols(type.values)
    case 'union':
      return type.branches.flatMap(listSymbols)
    default:
      return []
  }
}
