/** `ccs history`: what the commands themselves leave there, as a user sees it. */
import { expect, test } from 'vitest'
import { DataDir } from './data-dir.ts'

const dir = new DataDir()

test('queries, deployments and compactions are listed with their outcome', async () => {
  const range = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '50']
  expect((await dir.ccs('gen', ...range)).code).toBe(0)
  expect((await dir.ccs('run', '--once')).code).toBe(0)
  expect((await dir.ccs('query', 'SELECT count(*) AS n FROM silver.events')).code).toBe(0)
  expect((await dir.ccs('query', 'SELECT nope')).code).toBe(2)
  expect((await dir.ccs('status')).code).toBe(0)
  expect((await dir.ccs('deploy', '--yes')).code).toBe(0)
  expect((await dir.ccs('lake', 'compact')).code).toBe(0)
  const { entries, unreadable } = JSON.parse((await dir.ccs('history', '--json')).stdout)
  expect(unreadable).toBe(0)
  const short = ({ what, by, outcome, rows }: Record<string, unknown>) => [what, by, outcome, rows]
  const who = expect.stringMatching(/^\w[\w.-]*@\S+$/)
  expect(entries.map(short)).toEqual([
    ['query', 'ccs query', 'ok', 1],
    ['query', 'ccs query', 'CCS_QUERY_INVALID', null],
    ['deploy', who, 'ok', null],
    ['lake compact', who, 'ok', null],
  ])
  expect(entries[2].text).toMatch(/^ccs deploy --yes/)
  const one = await dir.ccs('history', '--what', 'query', '--limit', '1')
  expect(one.stdout).toContain('SELECT nope')
  expect(one.stdout).not.toContain('silver.events')
  const since = await dir.ccs('history', '--since', '2999-01-01')
  expect(since.stdout).toBe('Nothing is recorded.\n')
})
