/**
 * A key column that may be NULL: Flink's job fails at the first such row, where the embedded engine
 * has a row. It is refused at `ccs plan`, and what is to be written instead gives the same rows.
 */
import { expect } from 'vitest'
import { flinkProjectTests } from '../fixtures/flink-project.ts'

const flinkTest = flinkProjectTests()
const FILE = 'sql/gold/by_campaign.sql'
const MODEL = `/*
kind: view
grain: one row per key
key: [campaign, page]
*/
SELECT
  utm_campaign AS campaign,
  coalesce(page, '(none)') AS page,
  count(*) AS events
FROM silver.people
GROUP BY utm_campaign, coalesce(page, '(none)')
`

flinkTest(
  'a key that may be NULL is refused; with coalesce the rows are equal',
  async (project) => {
    project.write(FILE, MODEL)
    const refused = await project.ccs(['plan'])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(`${FILE}:7:3`)
    expect(refused.stderr).toContain(
      "Key column 'campaign' may be NULL (the contract lets utm_campaign be null)",
    )
    expect(refused.stderr).toContain('coalesce(…, ')
    const fixed = MODEL.replaceAll('utm_campaign', "coalesce(utm_campaign, '(none)')")
    project.write(FILE, fixed)
    await project.deploy()
    await project.feed(7, '2026-03-01', 800)
    expect(await project.differences(['silver.events', 'gold.by_campaign'])).toEqual([])
  },
)
