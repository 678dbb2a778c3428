/** A rule of a mapping as YAML, before it is parsed. */
import type { DocumentReader } from '../../documents/document-reader.ts'
import type { YamlPath } from '../../documents/yaml-document.ts'
import type { ContractField } from './event-contract.ts'

/** A rule as YAML, and what is needed to check it. */
export interface RuleInput {
  readonly value: unknown
  readonly path: YamlPath
  readonly field: ContractField
  /** Time zone for texts that name none. */
  readonly timezone: string
  /** Path of the mapping file, for messages. */
  readonly file: string
  readonly reader: DocumentReader
}

/** The keys of a rule. */
export type RuleMap = Readonly<Record<string, unknown>>

/** Reads true or false; false where nothing is given. */
export function parseFlag(value: unknown, path: YamlPath, reader: DocumentReader): boolean {
  if (value !== undefined && typeof value !== 'boolean')
    reader.fault(path, `${path.join('.')} is neither true nor false.`, 'Write true or false.')
  return value === true
}
