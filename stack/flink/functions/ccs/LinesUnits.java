package ccs;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.InputGroup;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.types.Row;

/**
 * The macro lines_units(items): the number of pieces in order lines.
 * As in v1; for jobs that an earlier ccs deployed.
 */
public class LinesUnits extends ScalarFunction {
  public Long eval(@DataTypeHint(inputGroup = InputGroup.ANY) Object items) {
    Long sum = null;
    if (items == null) return null;
    for (Object item : (Object[]) items) {
      Number quantity = item == null ? null : (Number) ((Row) item).getField("quantity");
      if (quantity != null) sum = Math.addExact(sum == null ? 0L : sum, quantity.longValue());
    }
    return sum;
  }
}
