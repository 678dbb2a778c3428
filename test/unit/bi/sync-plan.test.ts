import { describe, expect, test } from 'vitest'
import { makeAssetId } from '../../../cli/domain/bi/asset-id.ts'
import { importAssets, type SupersetApi } from '../../../cli/domain/bi/import-assets.ts'
import type { BiObject } from '../../../cli/domain/bi/render.ts'
import { isSynced, planSync } from '../../../cli/domain/bi/sync-plan.ts'
import { asObject } from '../../../cli/domain/kernel/json.ts'
import { render, SOURCES } from './project-assets.ts'

const wanted = render()
const OWN_ID = '5b4f6f4e-1111-4222-8333-444455556666'

/** What a person has made. */
function ownChart(dataset: string): BiObject {
  const content = { slice_name: 'Mine', uuid: OWN_ID, dataset_uuid: dataset }
  return { kind: 'charts', uuid: OWN_ID, content }
}

/** The files without some of them. */
function renderWithout(...keys: readonly string[]) {
  return render(
    SOURCES.filter(({ file }) => !keys.some((key) => file.endsWith(`/${key}.yaml`))).map((one) => ({
      ...one,
      text: one.text.replace(
        new RegExp(`^ +- \\{ chart: (${keys.join('|')}), width: \\d+ \\}\n`, 'gm'),
        '',
      ),
    })),
  )
}

test('into an empty Superset everything is created; what is there already is left alone', () => {
  expect(planSync(wanted, []).create).toHaveLength(wanted.length)
  const plan = planSync(wanted, wanted)
  expect(isSynced(plan)).toBe(true)
  expect(plan.unchanged).toBe(wanted.length)
})

test('empty values, the order of columns and what Superset derives are no difference', () => {
  const found = wanted.map((one): BiObject => {
    if (one.kind === 'datasets') {
      const columns = Array.isArray(one.content.columns) ? one.content.columns.toReversed() : []
      return { ...one, content: { ...one.content, columns, params: null, catalog: 'serve' } }
    }
    return { ...one, content: { ...one.content, query_context: 'x', tags: [], css: '' } }
  })
  expect(planSync(wanted, found).update.map(({ keys }) => keys)).toEqual(
    // A query context is derived for charts alone.
    wanted
      .filter(({ kind }) => kind === 'databases' || kind === 'dashboards')
      .map(() => expect.arrayContaining(['query_context'])),
  )
})

test('a chart that somebody changed is named with the changed value', () => {
  const found = wanted.map((one) =>
    one.key === 'funnel'
      ? {
          ...one,
          content: { ...one.content, params: { ...asObject(one.content.params), row_limit: 3 } },
        }
      : one,
  )
  expect(planSync(wanted, found).update).toMatchObject([
    { name: 'Funnel', keys: ['params.row_limit'] },
  ])
})

test('a chart whose file is gone is removed; what people made stays, also a copy of it', () => {
  const copy: BiObject = {
    kind: 'charts',
    uuid: OWN_ID,
    // Superset copies the certification too; the id is another.
    content: { ...wanted.find(({ key }) => key === 'funnel')?.content, uuid: OWN_ID },
  }
  const plan = planSync(renderWithout('funnel'), [...wanted, copy])
  expect(plan.remove.map(({ name }) => name)).toEqual(['Funnel'])
  expect(plan.update.map(({ name }) => name)).toEqual(['Shop performance'])
})

describe('a dataset whose file is gone', () => {
  const without = renderWithout('funnel', 'funnel_steps')
  const dataset = makeAssetId('datasets', 'funnel_steps')

  test('is removed after its charts', () => {
    expect(planSync(without, wanted).remove.map(({ name }) => name)).toEqual([
      'Funnel',
      'funnel_steps',
    ])
  })

  test('stays while somebody’s own chart needs it, and is reported', () => {
    const plan = planSync(without, [...wanted, ownChart(dataset)])
    expect(plan.remove.map(({ name }) => name)).toEqual(['Funnel'])
    expect(plan.keep).toMatchObject([{ name: 'funnel_steps', neededBy: ['Mine'] }])
  })
})

test('with another warehouse the database of the first is removed', () => {
  const env = { RS_HOST: 'h', RS_USER: 'u', RS_DB: 'd' }
  const plan = planSync(render(SOURCES, { warehouse: 'redshift', env }), wanted)
  expect(plan.create.map(({ name }) => name)).toEqual(['ccs marts (Redshift)'])
  expect(plan.remove.map(({ name }) => name)).toEqual(['ccs marts (DuckDB)'])
})

describe('an import that Superset could not carry out is refused before anything is changed', () => {
  test('another warehouse while somebody’s own chart needs a dataset', async () => {
    const env = { RS_HOST: 'h', RS_USER: 'u', RS_DB: 'd' }
    const dataset = makeAssetId('datasets', 'rfm')
    const { api, calls } = fakeSuperset([...wanted, ownChart(dataset)], () => false)
    const other = render(SOURCES, { warehouse: 'redshift', env })
    await expect(importAssets(api, other)).rejects.toThrow(
      'Charts of other people need the warehouse of before: Mine.',
    )
    expect(calls).toEqual([])
  })

  test('a dataset of somebody else with a name that the files have', async () => {
    const content = { table_name: 'rfm', uuid: OWN_ID }
    const { api, calls } = fakeSuperset([{ kind: 'datasets', uuid: OWN_ID, content }], () => false)
    await expect(importAssets(api, wanted)).rejects.toThrow(
      'Superset has a dataset "rfm" of somebody else.',
    )
    expect(calls).toEqual([])
  })
})

/** A Superset in memory; `loses` says what its import forgets. */
function fakeSuperset(found: BiObject[], loses: (one: BiObject) => boolean) {
  const calls: string[] = []
  const api: SupersetApi = {
    exportAll: async () => found,
    importBundle: async () => {
      calls.push('import')
      found.splice(0, found.length, ...wanted.filter((one) => !loses(one)))
    },
    remove: async (kind) => void calls.push(`remove ${kind}`),
  }
  return { api, calls }
}

test('a second import asks for an export and writes nothing', async () => {
  const { api, calls } = fakeSuperset([], () => false)
  await importAssets(api, wanted)
  expect(calls).toEqual(['import'])
  await importAssets(api, wanted)
  expect(calls).toEqual(['import'])
})

test('an import that Superset did not carry out is an error that names what is missing', async () => {
  const { api } = fakeSuperset([], ({ content }) => content.slice_name === 'Funnel')
  await expect(importAssets(api, wanted)).rejects.toThrow(
    'Superset did not take over: the chart "Funnel" is missing.',
  )
})
