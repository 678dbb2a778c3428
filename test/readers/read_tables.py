"""Reads published tables by the libraries of their formats, and prints one line of JSON each.

Usage: read_tables.py FOLDER [ICEBERG CACHE]
FOLDER: open-lake of a data directory; ICEBERG: the package that Spark reads Iceberg by, as
group:artifact:version, which it keeps in CACHE.

Each line: reader, table, snapshot (null: the newest), n: rows, md5: of the rows' sorted texts; or
pruned: files that a filter reads, of all files.
"""
import glob
import importlib.util
import json
import os
import sys

import duckdb
from pyiceberg.table import StaticTable

DAY = "2026-03-02"
SQL = """SELECT count(*), md5(coalesce(string_agg(t, chr(10) ORDER BY t), ''))
FROM (SELECT CAST(x AS VARCHAR) AS t FROM {source} AS x)"""


def extension(name):
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    folder = list(found.submodule_search_locations)[0]
    return glob.glob(f"{folder}/extensions/*/{name}.duckdb_extension")[0]


def main(folder, *spark_packages):
    duck = duckdb.connect()
    for name in ("ducklake", "avro", "iceberg"):
        duck.execute(f"LOAD '{extension(name)}'")
    duck.execute(f"ATTACH 'ducklake:{folder}/catalog.ducklake' AS lake (READ_ONLY)")
    spark = start_spark(*spark_packages) if spark_packages else None

    def tell(reader, table, source, snapshot=None):
        n, md5 = duck.execute(SQL.format(source=source)).fetchone()
        print(json.dumps(dict(reader=reader, table=table, snapshot=snapshot, n=n, md5=md5)))

    for path in sorted(glob.glob(f"{folder}/iceberg/*")):
        table = os.path.basename(path)
        with open(f"{path}/metadata/version-hint.text") as file:
            version = file.read()
        iceberg = StaticTable.from_metadata(f"{path}/metadata/v{version}.metadata.json")
        snapshots = [one.snapshot_id for one in iceberg.metadata.snapshots]
        for at in [None, *snapshots]:
            when = "" if at is None else f" AT (VERSION => {at})"
            tell("ducklake", table, f"(FROM lake.{table}{when})", at)
            which = "" if at is None else f", snapshot_from_id = {at}::UBIGINT"
            tell("iceberg", table, f"(FROM iceberg_scan('{path}'{which}))", at)
            arrow = iceberg.scan(snapshot_id=at).to_arrow()
            duck.register("arrow_rows", arrow)
            tell("pyiceberg", table, "arrow_rows", at)
            duck.unregister("arrow_rows")
            if spark:
                reader = spark.read.format("iceberg")
                reader = reader if at is None else reader.option("snapshot-id", at)
                duck.register("arrow_rows", reader.load(path).toArrow())
                tell("spark", table, "arrow_rows", at)
                duck.unregister("arrow_rows")
        if table == "silver.events":
            prune(duck, iceberg, table)


def prune(duck, iceberg, table):
    """A day by its folder, and the same day by a time."""
    count = lambda **where: len(list(iceberg.scan(**where).plan_files()))
    whole = count()
    by_time = f"event_time >= '{DAY}T00:00:00' and event_time < '{DAY}T23:59:59'"
    for name, where in (("event_date", f"event_date = '{DAY}'"), ("event_time", by_time)):
        line = dict(table=table, column=name, whole=whole)
        print(json.dumps(dict(line, reader="pyiceberg", pruned=count(row_filter=where))))
        sql = where.replace("T", " ", 2) if name == "event_time" else where
        plan = duck.execute(f"EXPLAIN ANALYZE SELECT count(event_id) FROM lake.{table} WHERE {sql}")
        files = plan.fetchall()[0][1].split("Total Files Read: ")[1].split()[0]
        print(json.dumps(dict(line, reader="ducklake", pruned=int(files))))


def start_spark(package, cache):
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[2]")
        .config("spark.jars.packages", package)
        .config("spark.jars.ivy", cache)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )


main(*sys.argv[1:])
