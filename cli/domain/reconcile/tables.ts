/**
 * What `ccs reconcile` compares: the same figures for each shop day, from streaming Gold and from
 * dbt's marts. The SELECTs over the marts use their own tables, so that a mart that counts
 * differently shows.
 */

/** One comparison. */
export interface ReconcileTable {
  readonly name: string
  /** The Gold model compared. */
  readonly model: string
  /** The mart compared. */
  readonly mart: string
  /** SELECTs of `shop_date`, the key and the values. */
  readonly goldSql: string
  readonly martSql: string
  readonly key: readonly string[]
  readonly values: readonly string[]
}

const SESSION_SUMS = ['events', 'page_views', 'item_views', 'cart_adds', 'checkouts', 'orders']

function sessionSums(relation: string): string {
  const sums = [...SESSION_SUMS, 'revenue'].map((name) => `sum(${name}) AS ${name}`)
  return `SELECT shop_date, count(*) AS sessions, count(DISTINCT anonymous_id) AS visitors,
    ${sums.join(', ')} FROM ${relation} GROUP BY shop_date`
}

/** Both sides have these columns under the same names. */
function sameColumns(table: Omit<ReconcileTable, 'goldSql' | 'martSql'>): ReconcileTable {
  const list = ['shop_date', ...table.key, ...table.values].join(', ')
  return {
    ...table,
    goldSql: `SELECT ${list} FROM ${table.model}`,
    martSql: `SELECT ${list} FROM ${table.mart}`,
  }
}

const REVENUE_VALUES = [
  ...['orders', 'buyers', 'revenue', 'tax', 'shipping', 'refund_count', 'refunds', 'net_revenue'],
]
const FUNNEL_VALUES = [
  ...['sessions', 'views', 'carts', 'checkouts', 'orders', 'converted_sessions'],
  'engaged_sessions',
]

/** All comparisons, in the order of the report. */
export const RECONCILE_TABLES: readonly ReconcileTable[] = [
  sameColumns({
    name: 'revenue_daily',
    model: 'gold.revenue_daily',
    mart: 'fct_revenue_daily',
    key: ['currency'],
    values: REVENUE_VALUES,
  }),
  sameColumns({
    name: 'revenue_by_category',
    model: 'gold.revenue_by_category_daily',
    mart: 'fct_revenue_by_category',
    key: ['currency', 'category'],
    values: ['lines', 'orders', 'units', 'revenue'],
  }),
  sameColumns({
    name: 'funnel',
    model: 'gold.funnel_daily',
    mart: 'daily_funnel',
    key: [],
    values: FUNNEL_VALUES,
  }),
  {
    name: 'sessions',
    model: 'gold.sessions',
    mart: 'fct_sessions',
    goldSql: sessionSums('gold.sessions'),
    martSql: sessionSums('fct_sessions'),
    key: [],
    values: ['sessions', 'visitors', ...SESSION_SUMS, 'revenue'],
  },
  {
    ...sameColumns({
      name: 'campaigns',
      model: 'gold.campaign_daily',
      mart: 'fct_sessions',
      key: ['utm_source', 'utm_medium', 'utm_campaign'],
      values: ['sessions', 'engaged_sessions', 'converted_sessions', 'orders', 'revenue'],
    }),
    martSql: `SELECT shop_date, coalesce(utm_source, '(direct)') AS utm_source,
        coalesce(utm_medium, '(none)') AS utm_medium,
        coalesce(utm_campaign, '(none)') AS utm_campaign, count(*) AS sessions,
        count(*) FILTER (WHERE is_engaged) AS engaged_sessions,
        count(*) FILTER (WHERE orders > 0) AS converted_sessions,
        sum(orders) AS orders, sum(revenue) AS revenue
      FROM fct_sessions GROUP BY ALL`,
  },
  {
    ...sameColumns({
      name: 'devices',
      model: 'gold.device_daily',
      mart: 'fct_sessions',
      key: ['device'],
      values: ['sessions', 'visitors', 'engaged_sessions', 'orders', 'revenue'],
    }),
    martSql: `SELECT shop_date, device, count(*) AS sessions,
        count(DISTINCT anonymous_id) AS visitors,
        count(*) FILTER (WHERE is_engaged) AS engaged_sessions,
        sum(orders) AS orders, sum(revenue) AS revenue
      FROM fct_sessions GROUP BY ALL`,
  },
]

/** The Gold models compared, and gold.sessions, which decides how long a day stays open. */
export function reconciledModels(): ReadonlySet<string> {
  return new Set([...RECONCILE_TABLES.map(({ model }) => model), 'gold.sessions'])
}
