"""Loads Silver of a lake into tables of PostgreSQL, as `ccs load redshift` makes them: one a Silver model, with
the columns of its files and event_date. Login by libpq's variables; arguments: the lake, the schema.

A text that is 'a\\\\b' or '' or NULL in a file is so in the table: texts are quoted in between, NULL is not.
"""
import os
import re
import sys
import tempfile

import duckdb
import psycopg2

lake, schema = sys.argv[1:]
names = {'VARCHAR': 'varchar', 'DOUBLE': 'double precision', 'TIMESTAMP': 'timestamp'}


def type_of(name):
    if name.endswith(']'):
        return 'jsonb'  # no model reads it
    if name in names or re.fullmatch(r'BOOLEAN|INTEGER|BIGINT|DATE|DECIMAL\(\d+,\d+\)', name):
        return names.get(name, name.lower())
    raise SystemExit(f'{name} is no type of a Silver table')


reader = duckdb.connect()
reader.execute("SET TimeZone = 'UTC'")
writer = psycopg2.connect('')
with writer, writer.cursor() as cursor, tempfile.TemporaryDirectory() as temp:
    cursor.execute(f'drop schema if exists {schema} cascade; create schema {schema}')
    for table in sorted(os.listdir(f'{lake}/silver')):
        files = f"read_parquet('{lake}/silver/{table}/*/*.parquet', hive_partitioning = true, union_by_name = true)"
        columns = reader.execute(f'describe select * from {files}').fetchall()
        typed = ', '.join(f'"{name}" {type_of(kind)}' for name, kind, *_ in columns)
        cursor.execute(f'create table {schema}.{table} ({typed})')
        csv = f'{temp}/{table}.csv'
        values = ', '.join(
            f'to_json("{name}") as "{name}"' if kind.endswith(']') else f'"{name}"' for name, kind, *_ in columns
        )
        reader.execute(f"copy (select {values} from {files}) to '{csv}' (format csv, header false, force_quote *, nullstr '')")
        with open(csv, encoding='utf8') as rows:
            cursor.copy_expert(f"copy {schema}.{table} from stdin (format csv)", rows)
        print(f'{table}: {cursor.rowcount} rows')
