/** dbt's work folder of each data directory: created, kept, and removed with its data. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../../cli/adapters/files/files.ts'
import { provideDbtWork } from '../../../cli/adapters/process/dbt-work.ts'

let temp: string
let root: string

beforeEach(() => {
  temp = mkdtempSync(path.join(tmpdir(), 'ccs-dbt-work-'))
  root = path.join(temp, '.ccs/dbt')
})
afterEach(() => rmSync(temp, { recursive: true, force: true }))

function provide(name: string, data: string, nowMs = Date.now()): Promise<string> {
  const dataDir = path.join(temp, data)
  return provideDbtWork({ files: diskFiles(), root, name, dataDir, nowMs })
}

test('the next run removes a folder whose data directory is gone, and no other', async () => {
  for (const data of ['a', 'b']) mkdirSync(path.join(temp, data))
  const first = await provide('0000000a', 'a')
  mkdirSync(path.join(first, 'target'))
  await provide('0000000b', 'b')
  expect(readdirSync(root)).toEqual(['0000000a', '0000000b'])
  rmSync(path.join(temp, 'a'), { recursive: true })
  await provide('0000000b', 'b')
  expect(readdirSync(root)).toEqual(['0000000b'])
})

test('the folder of this run stays although its data directory does not exist yet', async () => {
  await provide('0000000c', 'later')
  expect(existsSync(await provide('0000000c', 'later'))).toBe(true)
})

test('a folder without an owner note is removed after a day; foreign folders stay', async () => {
  mkdirSync(path.join(root, '0000000d'), { recursive: true })
  mkdirSync(path.join(root, 'own'))
  mkdirSync(path.join(root, 'mine'))
  await provide('0000000e', '.')
  expect(readdirSync(root)).toEqual(['0000000d', '0000000e', 'mine', 'own'])
  await provide('0000000e', '.', Date.now() + 25 * 60 * 60_000)
  expect(readdirSync(root)).toEqual(['0000000e', 'mine', 'own'])
})
