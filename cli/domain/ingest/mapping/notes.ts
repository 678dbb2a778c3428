/** Reads the values of a mapping file; faults are collected, each with its place. */

import type { YamlDocument, YamlPath } from '../../documents/yaml-document.ts'
import { didYouMean } from '../../kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../../kernel/errors.ts'
import type { ContractField } from './event-contract.ts'
import type { FieldRule } from './mapping-spec.ts'

/** Every method notes a fault for a bad value and returns undefined, so that reading goes on. */
export class MappingNotes {
  readonly faults: CcsError[] = []
  readonly #document: YamlDocument

  constructor(document: YamlDocument) {
    this.#document = document
  }

  fault(path: YamlPath, message: string, hint: string, part: 'key' | 'value' = 'value'): void {
    const location = this.#document.locate(path, part)
    this.faults.push(
      new CcsError('CCS_IMPORT_INVALID', message, { exit: EXIT.usage, hint, location }),
    )
  }

  /** Reads a map; with `known`, other keys are faults. undefined if it isn't a map. */
  object(
    value: unknown,
    path: YamlPath,
    known: readonly string[] | undefined,
  ): Readonly<Record<string, unknown>> | undefined {
    if (value === undefined) return undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const name = path.length === 0 ? 'The mapping' : path.join('.')
      this.fault(path, `${name} is no map of keys and values.`, 'See docs/import.md for its shape.')
      return undefined
    }
    if (known !== undefined)
      for (const key of Object.keys(value))
        if (!known.includes(key))
          this.fault([...path, key], `Unknown key "${key}".`, didYouMean(key, known), 'key')
    // The parser returns maps as plain objects with string keys.
    return value as Readonly<Record<string, unknown>>
  }

  field(name: string, path: YamlPath, fields: readonly ContractField[]): ContractField | undefined {
    const found = fields.find((field) => field.name === name)
    if (found !== undefined) return found
    const hint = didYouMean(
      name,
      fields.map((field) => field.name),
    )
    this.fault(path, `The contract has no field "${name}".`, hint, 'key')
    return undefined
  }

  /** Reads a scalar as text; numbers and booleans in YAML's canonical form. */
  text(value: unknown, path: YamlPath): string | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.fault(path, `${path.join('.')} is no text.`, 'Write one value, in quotes if need be.')
    return undefined
  }

  /** Reads one text or a list of them. */
  texts(value: unknown, path: YamlPath): readonly string[] | undefined {
    if (value === undefined) return undefined
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    return list.map((each, i) => this.text(each, Array.isArray(value) ? [...path, i] : path) ?? '')
  }

  oneOf<Word extends string>(
    value: unknown,
    path: YamlPath,
    words: readonly Word[],
  ): Word | undefined {
    const text = this.text(value, path)
    if (text === undefined) return undefined
    const word = words.find((each) => each === text)
    if (word === undefined)
      this.fault(path, `"${text}" is none of ${words.join(', ')}.`, didYouMean(text, words))
    return word
  }
}

/** Parses `when: { column: value }` or `{ column: [values] }`; all conditions must hold. */
export function parseWhen(value: unknown, path: YamlPath, notes: MappingNotes): FieldRule['when'] {
  return Object.entries(notes.object(value, path, undefined) ?? {}).map(([column, wanted]) => ({
    path: column,
    values: new Set(notes.texts(wanted, [...path, column])),
  }))
}
