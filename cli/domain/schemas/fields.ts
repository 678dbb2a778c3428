/** The fields of a schema as one list, those of nested records included, each under its path. */
import type { SchemaField, SchemaType } from './tree.ts'

export interface SchemaFieldPath {
  /** Such as `items[].sku`, as findings have it. */
  readonly path: string
  readonly field: SchemaField
  /** Path of the record that it is in, with what leads into the field: `items[].`. */
  readonly within: string
}

/** In the order of the text. A record inside itself is listed once. */
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

/** The field of the record itself that a path leads into: `items` of `items[].sku`. */
export function topField(path: string): string {
  return path.split(/[.[{]/, 1)[0] ?? ''
}

/** The enum of a field, in a union or an array too. */
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
