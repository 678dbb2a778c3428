/** What `npm ci` installs is fixed by checksums, on each platform. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const LOCK = path.resolve(import.meta.dirname, '../../package-lock.json')
const text = readFileSync(LOCK, 'utf8')

test('each locked package has a checksum', () => {
  const packages: Record<string, { integrity?: string }> = JSON.parse(text).packages
  const unchecked = Object.entries(packages).filter(([name, { integrity }]) => name && !integrity)
  expect(unchecked.map(([name]) => name)).toEqual([])
})

test('no package is bound to the address of one registry', () => {
  expect(text).not.toContain('"resolved"')
})
