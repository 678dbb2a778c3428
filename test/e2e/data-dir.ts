/** A data directory for the tests of one file, and the commands that work on it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { type Ran, runCcs } from './run-ccs.ts'

/** One directory for each test, removed after it; create it where the test file begins. */
export class DataDir {
  /** Room for files of the test; the data is in `data` below it. */
  path = ''
  /** Another project than the one that the tests run in. */
  project: string | undefined

  constructor() {
    beforeEach(() => {
      this.project = undefined
      this.path = mkdtempSync(path.join(tmpdir(), 'ccs-e2e-'))
    })
    afterEach(() => rmSync(this.path, { recursive: true, force: true }))
  }

  ccs(...args: string[]): Promise<Ran> {
    const project = this.project === undefined ? [] : ['--project', this.project]
    const data = ['--data', path.join(this.path, 'data')]
    return runCcs([...args, ...data, ...project], { timeoutMs: 110_000 })
  }

  /** The rows of a query, which must succeed without a word on stderr. */
  async rows(sql: string): Promise<unknown> {
    const { code, stdout, stderr } = await this.ccs('query', sql, '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout).rows
  }
}
