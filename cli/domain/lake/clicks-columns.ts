/** The columns of `bronze.clicks`, which is made of Bronze for the lake's copy on S3. */

/** Names and types of DuckDB in their order, which warehouses load by; the day is in the path. */
export const CLICKS_COLUMNS = [
  ['event_id', 'VARCHAR'],
  ['customer_id', 'VARCHAR'],
  ['session_id', 'VARCHAR'],
  ['event_type', 'VARCHAR'],
  ['page', 'VARCHAR'],
  ['utm_campaign', 'VARCHAR'],
  ['device', 'VARCHAR'],
  ['geo_city', 'VARCHAR'],
  ['event_ts', 'TIMESTAMP'],
  ['source', 'VARCHAR'],
] as const
