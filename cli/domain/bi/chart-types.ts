/**
 * The kinds of charts that the assets may use, with the parameters of each that were seen to draw.
 * A parameter that is not listed is a fault: Superset ignores a misspelled one, and the chart then
 * shows something else.
 */

/** Parameters of one kind of chart. */
export interface ChartType {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

const SERIES: ChartType = {
  required: ['x_axis', 'metrics', 'time_grain_sqla'],
  optional: [
    ...['groupby', 'row_limit', 'x_axis_time_format', 'y_axis_format', 'truncateYAxis'],
    ...['show_legend', 'rich_tooltip', 'color_scheme', 'orientation', 'x_axis_sort', 'stack'],
    ...['show_value', 'area', 'markerEnabled', 'x_axis_title', 'y_axis_title'],
  ],
}

const LABELLED = [
  ...['row_limit', 'show_labels', 'show_legend', 'label_type', 'number_format', 'color_scheme'],
]

/** By Superset's name of the kind. */
export const CHART_TYPES: Readonly<Record<string, ChartType>> = {
  big_number_total: {
    required: ['metric'],
    optional: [
      ...['y_axis_format', 'subtitle', 'header_font_size', 'subtitle_font_size', 'time_format'],
    ],
  },
  echarts_timeseries_line: SERIES,
  echarts_timeseries_bar: SERIES,
  pie: {
    required: ['groupby', 'metric'],
    optional: [...LABELLED, 'donut', 'innerRadius', 'outerRadius', 'sort_by_metric'],
  },
  funnel: {
    required: ['groupby', 'metric'],
    optional: [...LABELLED, 'sort_by_metric'],
  },
  heatmap_v2: {
    // Without border_color the chart fails in the browser, though its data arrive.
    required: ['x_axis', 'groupby', 'metric', 'border_color'],
    optional: [
      ...['row_limit', 'sort_x_axis', 'sort_y_axis', 'normalize_across', 'linear_color_scheme'],
      ...['show_legend', 'show_values', 'value_bounds', 'y_axis_format', 'show_percentage'],
      ...['left_margin', 'bottom_margin', 'xscale_interval', 'yscale_interval'],
    ],
  },
  table: {
    required: ['query_mode'],
    optional: [
      ...['groupby', 'metrics', 'all_columns', 'order_by_cols', 'order_desc', 'row_limit'],
      ...['timeseries_limit_metric', 'show_cell_bars', 'server_pagination', 'page_length'],
      ...['table_timestamp_format', 'include_search', 'column_config'],
    ],
  },
}

/** Parameters that each chart may have. */
export const COMMON_PARAMETERS = ['adhoc_filters']

/** Parameters whose values are names of metrics, or lists of them. */
export const METRIC_PARAMETERS = ['metric', 'metrics', 'timeseries_limit_metric']

/** Parameters whose values are names of columns, or lists of them. */
export const COLUMN_PARAMETERS = ['x_axis', 'groupby', 'all_columns']

/** Those in which a list of columns or metrics may not be empty. */
export const MODE_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  raw: ['all_columns'],
  aggregate: ['groupby', 'metrics'],
}
