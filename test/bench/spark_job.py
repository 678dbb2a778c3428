"""The same events through PySpark Structured Streaming, local[2]: JSON files to Bronze and silver.events as
Parquet by day, events deduplicated across micro-batches, then per-minute and revenue Gold from Silver.

    python spark_job.py EVENTS_DIR OUT_DIR TIMEZONE
"""
import sys

from pyspark.sql import SparkSession, functions as F
from pyspark.sql.types import (
    ArrayType, BooleanType, IntegerType, LongType, StringType, StructField, StructType,
)

events_dir, out, timezone = sys.argv[1:4]

spark = (
    SparkSession.builder.master("local[2]")
    .appName("clickstream")
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

ITEM = StructType([
    StructField("sku", StringType()), StructField("name", StringType()),
    StructField("category", StringType()), StructField("brand", StringType()),
    StructField("unit_price_minor", LongType()), StructField("quantity", IntegerType()),
    StructField("discount_minor", LongType()),
])
TEXTS_1 = ["anonymous_id", "customer_id", "session_id", "page", "page_title", "page_url", "referrer",
           "utm_source", "utm_medium", "utm_campaign", "device", "user_agent", "geo_city", "geo_country",
           "source", "currency"]
SCHEMA = StructType(
    [StructField("event_id", StringType()), StructField("event_type", StringType())]
    + [StructField(name, LongType()) for name in ("event_ts", "sent_ts", "received_ts")]
    + [StructField(name, StringType()) for name in TEXTS_1]
    + [StructField("consent", BooleanType()), StructField("search_term", StringType()),
       StructField("results_count", IntegerType()), StructField("payment_type", StringType()),
       StructField("order_id", StringType()), StructField("coupon", StringType())]
    + [StructField(f"{name}_minor", LongType()) for name in ("tax", "shipping", "discount", "refund")]
    + [StructField("items", ArrayType(ITEM)), StructField("partition", IntegerType()),
       StructField("offset", LongType()), StructField("ingest_time", LongType()),
       StructField("late_ms", LongType())]
)


def at(column):
    return F.timestamp_millis(F.col(column))


def money(column):
    return (F.coalesce(column, F.lit(0)) / F.lit(100)).cast("decimal(18,2)")


LINES = F.aggregate(
    "items", F.lit(0).cast("long"),
    lambda sum, one: sum + one.unit_price_minor * one.quantity - one.discount_minor)
EVENT_MS = (
    F.when(F.col("sent_ts").isNotNull() & F.col("received_ts").isNotNull(),
           F.least(F.col("received_ts") - (F.col("sent_ts") - F.col("event_ts")), F.col("received_ts")))
    .when(F.col("received_ts").isNotNull() & (F.col("event_ts") > F.col("received_ts")), F.col("received_ts"))
    .otherwise(F.col("event_ts"))
)

raw = (
    spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 2).json(events_dir)
    .withColumn("event_time", F.timestamp_millis(EVENT_MS))
    .withColumn("event_date", F.to_date("event_time"))
)
bronze = raw.drop("event_time")
for name in ("event_ts", "sent_ts", "received_ts", "ingest_time"):
    bronze = bronze.withColumn(name, at(name))

silver = (
    raw.withWatermark("event_time", "1 hour")
    .dropDuplicatesWithinWatermark(["event_id"])
    .withColumn("is_bot", (F.col("device") == "bot") | F.coalesce(
        F.col("user_agent").rlike("bot|Bot|crawl|spider|slurp|Headless"), F.lit(False)))
    .withColumn("tax", money(F.col("tax_minor")))
    .withColumn("shipping", money(F.col("shipping_minor")))
    .withColumn("discount", money(F.col("discount_minor")))
    .withColumn("revenue", F.when(F.col("event_type") == "purchase", money(LINES)).otherwise(money(F.lit(0))))
    .withColumn("refund_amount", F.when(
        F.col("event_type") == "refund", money(F.coalesce(F.col("refund_minor"), LINES)))
        .otherwise(money(F.lit(0))))
    .drop("event_ts", "sent_ts", "received_ts", "user_agent", "tax_minor", "shipping_minor",
          "discount_minor", "refund_minor", "ingest_time")
)


def write(stream, name):
    return (
        stream.writeStream.format("parquet").partitionBy("event_date")
        .option("path", f"{out}/{name}").option("checkpointLocation", f"{out}/checkpoints/{name}")
        .trigger(availableNow=True).start()
    )


queries = [write(bronze, "bronze.events"), write(silver, "silver.events")]
for query in queries:
    query.awaitTermination()

# Gold once, at the end: cheaper than keeping it up to date with every micro-batch, as ccs does.
people = spark.read.parquet(f"{out}/silver.events").where("NOT is_bot")
is_purchase = F.col("event_type") == "purchase"
day = F.to_date(F.from_utc_timestamp("event_time", timezone))


def count_of(event_type):
    return F.count(F.when(F.col("event_type") == event_type, 1))


def total(column):
    return F.sum(column).cast("decimal(18,2)")


(
    people.groupBy(F.date_trunc("minute", "event_time").alias("window_start"))
    .agg(F.count("*").alias("events"), F.countDistinct("anonymous_id").alias("visitors"),
         count_of("page_view").alias("page_views"), count_of("view_item").alias("item_views"),
         count_of("add_to_cart").alias("cart_adds"), count_of("begin_checkout").alias("checkouts"),
         count_of("purchase").alias("orders"), total("revenue").alias("revenue"))
    .coalesce(1).write.parquet(f"{out}/gold.activity_1m")
)
(
    people.where(F.col("event_type").isin("purchase", "refund"))
    .groupBy(day.alias("shop_date"), "currency")
    .agg(count_of("purchase").alias("orders"),
         F.countDistinct(F.when(is_purchase, F.col("anonymous_id"))).alias("buyers"),
         total("revenue").alias("revenue"),
         total(F.when(is_purchase, F.col("tax")).otherwise(money(F.lit(0)))).alias("tax"),
         total(F.when(is_purchase, F.col("shipping")).otherwise(money(F.lit(0)))).alias("shipping"),
         count_of("refund").alias("refund_count"), total("refund_amount").alias("refunds"),
         (F.sum("revenue") - F.sum("refund_amount")).cast("decimal(18,2)").alias("net_revenue"))
    .coalesce(1).write.parquet(f"{out}/gold.revenue_daily")
)

# Wait for the JVM, so that its CPU is charged to this process.
gateway = spark.sparkContext._gateway
spark.stop()
gateway.shutdown()
gateway.proc.stdin.close()
gateway.proc.wait()
