#!/usr/bin/env bash
# fjall 3.1.13 (crate, embedded store, OptimisticTxDatabase), seen 2026-11-29.
#
# Two transactions each see by size_of that a key is absent, and insert it: both commits succeed
# and the first one's value is gone. So it is with write skew: each sees the other's key absent by
# size_of and inserts its own. With contains_key, get, first_key_value, range or prefix in its
# place the second commit is a conflict, whether the key was absent or there. size_of is one of the
# reads of the same trait (Readable) and the one that tells, without reading the value, both
# whether a key is there and how long it is; it is left out of what a transaction has read.
#
# Guess that it breaks: "multi-writer, serializable transactions" whose conflict check is made of
# all that was read; which method reads it is no matter. A quota by the size of a value, as much as
# "insert if absent", lets two through.
#
# Seen (what the second commit says; claim: both insert the key that both saw absent; skew: each
# inserts its own after it saw the other's absent; there: each saw the size of a key that the other
# overwrites):
#   size_of:         claim: committed, skew: committed, there: committed
#   contains_key, get, range, prefix: claim: conflict, skew: conflict, there: conflict
#
# Needs Rust 1.90 or later with cargo, and a minute or two to build.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "sizes"
version = "0.0.0"
edition = "2021"

[dependencies]
fjall = "=3.1.13"
TOML
cat >src/main.rs <<'RUST'
use fjall::{KeyspaceCreateOptions, OptimisticTxDatabase, OptimisticTxKeyspace, OptimisticWriteTx, Readable};

const READS: [&str; 5] = ["size_of", "contains_key", "get", "range", "prefix"];

/// Whether the transaction sees the key, by one of the ways to read.
fn sees(tx: &OptimisticWriteTx, tree: &OptimisticTxKeyspace, how: &str, key: &str) -> fjall::Result<bool> {
    Ok(match how {
        "size_of" => tx.size_of(tree, key)?.is_some(),
        "contains_key" => tx.contains_key(tree, key)?,
        "get" => tx.get(tree, key)?.is_some(),
        "range" => tx.range(tree, key..=key).next().is_some(),
        _ => tx.prefix(tree, key).next().is_some(),
    })
}

/// Two transactions at once: each reads one key and then writes one. Says what became of the second.
fn both(
    db: &OptimisticTxDatabase,
    tree: &OptimisticTxKeyspace,
    how: &str,
    there: bool,
    (read1, write1): (&str, &str),
    (read2, write2): (&str, &str),
) -> fjall::Result<&'static str> {
    let (mut one, mut two) = (db.write_tx()?, db.write_tx()?);
    assert_eq!(sees(&one, tree, how, read1)?, there);
    assert_eq!(sees(&two, tree, how, read2)?, there);
    one.insert(tree, write1, "the first");
    two.insert(tree, write2, "the second");
    assert!(one.commit()?.is_ok(), "the first commit");
    let second = two.commit()?;
    let now = tree.get(write2)?;
    assert_eq!(now.as_deref() == Some(&b"the second"[..]), second.is_ok());
    Ok(if second.is_ok() { "committed" } else { "conflict" })
}

fn main() -> fjall::Result<()> {
    let db = OptimisticTxDatabase::builder("data").open()?;
    let tree = db.keyspace("t", KeyspaceCreateOptions::default)?;
    let mut as_seen = true;
    for how in READS {
        let [c, a, b, x, y] = ["claim", "skew1", "skew2", "there1", "there2"].map(|k| format!("{how}/{k}"));
        let claim = both(&db, &tree, how, false, (&c, &c), (&c, &c))?;
        let skew = both(&db, &tree, how, false, (&b, &a), (&a, &b))?;
        tree.insert(&x, "12345")?;
        tree.insert(&y, "12345")?;
        let there = both(&db, &tree, how, true, (&y, &x), (&x, &y))?;
        println!("{how}: claim: {claim}, skew: {skew}, there: {there}");
        let want = if how == "size_of" { "committed" } else { "conflict" };
        as_seen &= [claim, skew, there] == [want; 3];
    }
    if !as_seen {
        println!("changed or broken");
        std::process::exit(1);
    }
    Ok(())
}
RUST
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$dir/target} cargo run --quiet 2>cargo.log || { tail -20 cargo.log; exit 1; }
