package ccs;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.InputGroup;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.types.Row;

/**
 * The macro lines_revenue(items): the value of order lines in hundredths, after their discounts.
 * As in v1; for jobs that an earlier ccs deployed.
 */
public class LinesRevenue extends ScalarFunction {
  public Long eval(@DataTypeHint(inputGroup = InputGroup.ANY) Object items) {
    Long sum = null;
    if (items == null) return null;
    for (Object item : (Object[]) items) {
      if (item == null) continue;
      Number price = (Number) ((Row) item).getField("unit_price_minor");
      Number quantity = (Number) ((Row) item).getField("quantity");
      Number discount = (Number) ((Row) item).getField("discount_minor");
      if (price == null || quantity == null || discount == null) continue;
      long value = Math.multiplyExact(price.longValue(), quantity.longValue());
      value = Math.subtractExact(value, discount.longValue());
      sum = sum == null ? value : Math.addExact(sum, value);
    }
    return sum;
  }
}
