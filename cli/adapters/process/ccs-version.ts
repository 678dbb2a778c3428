/** The version of this ccs, from its own package.json. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { asObject } from '../../domain/kernel/json.ts'

/** The same path from cli/ and from dist/. */
const PACKAGE = path.resolve(import.meta.dirname, '../../../package.json')

/** Such as `0.1.0`; `unknown` where the file can't be read. */
export function readCcsVersion(): string {
  try {
    return String(asObject(JSON.parse(readFileSync(PACKAGE, 'utf8'))).version)
  } catch {
    return 'unknown'
  }
}
