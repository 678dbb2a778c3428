/** The places of a dashboard's charts, in Superset's form: a tree of rows, by id. */
import type { JsonObject } from '../kernel/json.ts'

/** A chart in a row. */
export interface ChartPlace {
  readonly key: string
  readonly uuid: string
  readonly name: string
  /** Of 12. */
  readonly width: number
}

/** A row of charts. */
export interface DashboardRow {
  /** In steps of 8 pixels. */
  readonly height: number
  readonly charts: readonly ChartPlace[]
}

/** Ids follow from the order of the rows and the charts' keys. */
export function layOutDashboard(title: string, rows: readonly DashboardRow[]): JsonObject {
  const rowIds = rows.map((_, index) => `ROW-${index + 1}`)
  const above = ['ROOT_ID', 'GRID_ID']
  const position: Record<string, unknown> = {
    DASHBOARD_VERSION_KEY: 'v2',
    ROOT_ID: { type: 'ROOT', id: 'ROOT_ID', children: ['GRID_ID'] },
    GRID_ID: { type: 'GRID', id: 'GRID_ID', children: rowIds, parents: ['ROOT_ID'] },
    HEADER_ID: { type: 'HEADER', id: 'HEADER_ID', meta: { text: title } },
  }
  let chartId = 0
  for (const [index, { height, charts }] of rows.entries()) {
    const id = rowIds[index] ?? ''
    position[id] = {
      type: 'ROW',
      id,
      children: charts.map(({ key }) => `CHART-${key}`),
      parents: above,
      meta: { background: 'BACKGROUND_TRANSPARENT' },
    }
    for (const { key, uuid, name, width } of charts)
      position[`CHART-${key}`] = {
        type: 'CHART',
        id: `CHART-${key}`,
        children: [],
        parents: [...above, id],
        // The import puts the chart's own number in place of this one, and fails without any.
        meta: { uuid, chartId: ++chartId, sliceName: name, width, height },
      }
  }
  return position
}
