/** What ccs says when dbt fails on a server: one sentence on the cause, no value of a variable. */
import { describe, expect, test } from 'vitest'
import { readDbtTask } from '../../../cli/domain/marts/dbt-args.ts'
import {
  explainFailure,
  findWarehouse,
  requireLogin,
} from '../../../cli/domain/marts/dbt-warehouse.ts'
import type { DbtExit } from '../../../cli/domain/marts/run-dbt.ts'

const REDSHIFT = { RS_HOST: 'h', RS_DB: 'd', RS_USER: 'u', RS_PWD: 'p' }

function warehouseOf(...args: readonly string[]) {
  const task = readDbtTask(args)
  const warehouse = findWarehouse(task)
  if (!warehouse) throw new Error(`${args.join(' ')} names no server`)
  return { task, warehouse }
}

function failedWith(lastMessage: string, details: readonly string[] = []): DbtExit {
  const failures = details.map((detail) => ({
    ...({ kind: 'model', name: 'm', file: null, compiled: null } as const),
    ...{ message: 'It failed.', detail, next: '' },
  }))
  const counts = { passed: 0, warned: 0, failed: details.length, skipped: 0 }
  const outcome = details.length > 0 ? { counts, failures, warnings: [], seconds: 1 } : undefined
  return { code: 1, outcome, version: null, lastMessage }
}

describe('the login', () => {
  test('each variable that is missing is named, without those that are there', () => {
    const { task, warehouse } = warehouseOf('build', '--target', 'redshift')
    const env = { RS_HOST: 'h', RS_USER: '' }
    expect(() => requireLogin(task, warehouse, env)).toThrow(
      'Redshift needs RS_DB, RS_USER, RS_PWD.',
    )
    expect(() => requireLogin(task, warehouse, REDSHIFT)).not.toThrow()
  })

  test('a command that asks no server needs none; nor do profiles of somebody’s own', () => {
    const { task, warehouse } = warehouseOf('ls', '-t', 'postgres')
    expect(() => requireLogin(task, warehouse, {})).not.toThrow()
    const built = warehouseOf('build', '-t', 'postgres')
    expect(() => requireLogin(built.task, built.warehouse, {})).toThrow('PGHOST')
    const own = { DBT_PROFILES_DIR: '/my/profiles' }
    expect(() => requireLogin(built.task, built.warehouse, own)).not.toThrow()
  })

  test('the local target and unknown ones are no servers', () => {
    expect(findWarehouse(readDbtTask(['build']))).toBeUndefined()
    expect(findWarehouse(readDbtTask(['build', '--target', 'duckdb']))).toBeUndefined()
    expect(findWarehouse(readDbtTask(['build', '--target', 'mine']))).toBeUndefined()
  })
})

describe('a failure', () => {
  const { warehouse } = warehouseOf('build', '--target', 'redshift')
  const explain = (exit: DbtExit, env = {}) => explainFailure(warehouse, exit, env)

  test.each([
    ['FATAL:  password authentication failed for user "ann"', 'CCS_WAREHOUSE_REFUSED'],
    ["{'S': 'FATAL', 'C': '28000', 'M': 'no such user ann'}", 'CCS_WAREHOUSE_REFUSED'],
    ['FATAL:  database "shop" does not exist', 'CCS_WAREHOUSE_REFUSED'],
    ['FATAL:  no pg_hba.conf entry for host "10.0.0.1"', 'CCS_WAREHOUSE_REFUSED'],
    ['connection to server at "h" failed: Connection refused', 'CCS_WAREHOUSE_UNREACHABLE'],
    ["('communication error', gaierror(-2, 'x'))", 'CCS_WAREHOUSE_UNREACHABLE'],
    ['could not translate host name "h" to address', 'CCS_WAREHOUSE_UNREACHABLE'],
    ['connection timeout expired', 'CCS_WAREHOUSE_UNREACHABLE'],
  ])('%s', (message, code) => {
    const error = explain(failedWith(message))
    expect(error?.code).toBe(code)
    expect(`${error?.message} ${error?.hint}`).not.toMatch(/ann|shop"|10\.0/)
  })

  test('a connection that breaks in the middle is one error, not that of each node', () => {
    const lost = 'Database Error in model m\n  server closed the connection unexpectedly'
    const exit = failedWith('x', [lost, lost, 'Database Error\n  Connection refused'])
    expect(explain(exit)?.code).toBe('CCS_WAREHOUSE_UNREACHABLE')
  })

  test('missing tables of Silver are listed once each, those of other schemas are not', () => {
    const exit = failedWith('x', [
      'Database Error in model stg_orders\n  relation "silver.orders" does not exist',
      'Database Error in model stg_events\n  relation "silver.events" does not exist\n  LINE 1',
      'Database Error in test t\n  relation "silver.orders" does not exist',
      'Database Error in model m\n  relation "marts.fct_orders" does not exist',
    ])
    const error = explain(exit)
    expect(error?.code).toBe('CCS_SILVER_MISSING')
    expect(error?.message).toBe('Redshift lacks events, orders in the schema silver.')
    expect(error?.hint).toContain('ccs load redshift')
    expect(explain(exit, { RS_SILVER_SCHEMA: 'lake' })).toBeUndefined()
  })

  test('without the schema there is no table at all', () => {
    const error = explain(failedWith('x', ['schema "silver" does not exist']))
    expect(error?.message).toBe('Redshift lacks any table in the schema silver.')
  })

  test('what is wrong in a model stays dbt’s to tell', () => {
    expect(explain(failedWith('x', ['column "nope" does not exist']))).toBeUndefined()
  })
})
