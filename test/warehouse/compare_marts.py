"""Compares relations of a DuckDB file with those of the same names in PostgreSQL, row for row in all columns, and
prints one line of JSON a relation. Arguments: the file, the schema in PostgreSQL, the names.

Two rows are equal if each value is: its type, a decimal's scale and a time's microseconds included. Floating-point
numbers are equal if they agree in 12 significant digits; how many differ in a bit is printed.
"""
import json
import sys
from collections import Counter

import duckdb
import psycopg2

file, schema, *names = sys.argv[1:]
duck = duckdb.connect(file, read_only=True)
post = psycopg2.connect('').cursor()


def canonical(row):
    return tuple(
        f'{value:.11e}' if isinstance(value, float) else f'{type(value).__name__} {value}' for value in row
    )


def read(cursor, sql):
    cursor.execute(sql)
    columns = [column[0] for column in cursor.description]
    return columns, cursor.fetchall()


for name in names:
    columns, ours = read(duck, f'select * from main.{name}')
    listed = ', '.join(f'"{column}"' for column in columns)
    others, _ = read(post, f'select * from {schema}.{name} limit 0')
    _, theirs = read(post, f'select {listed} from {schema}.{name}')
    left, right = Counter(map(canonical, ours)), Counter(map(canonical, theirs))
    exact = Counter(map(repr, ours)) == Counter(map(repr, theirs))
    print(json.dumps({
        'name': name,
        'columns': len(columns),
        'same_columns': sorted(columns) == sorted(others),
        'rows': len(ours),
        'bitwise': exact,
        'only_duckdb': list((left - right).elements())[:5],
        'only_postgres': list((right - left).elements())[:5],
    }))
