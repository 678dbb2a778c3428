/** Variables of `.env` beside ccs.yml. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadEnvironment } from '../../../cli/project.ts'

const NAMES = ['CCS_TEST_ENV_NEW', 'CCS_TEST_ENV_KNOWN', 'CCS_TEST_ENV_QUOTED']
const dirs: string[] = []
afterEach(() => {
  for (const name of NAMES) delete process.env[name]
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true })
})

function makeDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-env-'))
  dirs.push(dir)
  return dir
}

test('variables of .env are set unless the environment has them', () => {
  const dir = makeDir()
  const lines = ['# a comment', 'CCS_TEST_ENV_NEW=new', 'CCS_TEST_ENV_KNOWN=file']
  writeFileSync(path.join(dir, '.env'), [...lines, 'CCS_TEST_ENV_QUOTED="a b # c"', ''].join('\n'))
  process.env.CCS_TEST_ENV_KNOWN = 'environment'
  const env = loadEnvironment(dir)
  expect(NAMES.map((name) => env[name])).toEqual(['new', 'environment', 'a b # c'])
})

test('a project without .env has the environment, one with an unreadable .env is named', () => {
  expect(loadEnvironment(makeDir())).toBe(process.env)
  const dir = makeDir()
  mkdirSync(path.join(dir, '.env'))
  expect(() => loadEnvironment(dir)).toThrow(`${path.join(dir, '.env')} can't be read (`)
})
