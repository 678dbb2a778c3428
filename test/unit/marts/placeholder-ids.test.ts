/**
 * The ids that are nobody's: dbt by hand has the same defaults as ccs.yml.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { PLACEHOLDER_IDS } from '../../../cli/domain/config/placeholder-ids.ts'

test('the dbt project has the default list of ccs.yml', () => {
  const { vars } = parse(readFileSync('dbt/dbt_project.yml', 'utf8'))
  expect(vars.placeholder_ids.toSorted()).toEqual(PLACEHOLDER_IDS.toSorted())
})

test('all of them are lower case, without blanks at either end', () => {
  expect(PLACEHOLDER_IDS.map((one) => one.trim().toLowerCase())).toEqual(PLACEHOLDER_IDS)
})
