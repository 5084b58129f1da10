#!/usr/bin/env bash
# SurrealKV 1.2.0 (crate, embedded store, snapshot isolation), seen 2026-11-28.
#
# Of two concurrent transactions that write the same key the second to commit fails with a
# write conflict; so does one that has locked the key with get_for_update. Where one of them
# deletes the key by delete_range, whose range holds it, neither fails: whoever has read 100
# stores 101 over a deletion that was committed meanwhile, so that the key is back; a range
# delete that began earlier removes a 200 that was committed since, which it never saw; and a
# transaction that locked the key to decide about another key commits although the key is gone.
# delete in place of delete_range, all else alike, is a conflict in all three.
#
# Guess that it breaks: delete_range(a, b) is a delete of every key between; snapshot isolation
# lets the first committer of a key win, however the key was written.
#
# Seen:
#   delete:       read 100, write 101: conflict; deleter that began before a write: conflict; locked read: conflict
#   delete_range: read 100, write 101: stored; deleter that began before a write: deleted; locked read: committed
#
# Needs Rust 1.85 or later with cargo, and some minutes to build.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "ranges"
version = "0.0.0"
edition = "2021"

[dependencies]
surrealkv = "=1.2.0"
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
TOML
cat >src/main.rs <<'RUST'
use surrealkv::{Result, Transaction, Tree, TreeBuilder};

const KEY: &[u8] = b"k5";
const OTHER: &[u8] = b"z";

async fn put(tree: &Tree, key: &[u8], value: &[u8]) -> Result<()> {
    let mut tx = tree.begin()?;
    tx.set(key, value)?;
    tx.commit().await
}

fn delete(tx: &mut Transaction, how: &str) -> Result<()> {
    if how == "delete" {
        return tx.delete(KEY);
    }
    tx.delete_range(b"k0", b"k9")
}

/// What became of a commit; any error but a conflict ends the program.
fn ended(commit: Result<()>, done: &'static str) -> &'static str {
    match commit {
        Ok(()) => done,
        Err(e) if e.to_string().contains("conflict") => "conflict",
        Err(e) => panic!("{e}"),
    }
}

async fn tried(tree: &Tree, how: &str) -> Result<String> {
    put(tree, KEY, b"100").await?;
    let mut reader = tree.begin()?;
    assert_eq!(reader.get(KEY)?.as_deref(), Some(&b"100"[..]));
    let mut deleter = tree.begin()?;
    delete(&mut deleter, how)?;
    deleter.commit().await?;
    assert_eq!(tree.begin()?.get(KEY)?, None);
    reader.set(KEY, b"101")?;
    let written = ended(reader.commit().await, "stored");
    assert_eq!(tree.begin()?.get(KEY)?.is_some(), written == "stored");

    put(tree, KEY, b"100").await?;
    let mut deleter = tree.begin()?;
    assert_eq!(deleter.get(KEY)?.as_deref(), Some(&b"100"[..]));
    put(tree, KEY, b"200").await?;
    delete(&mut deleter, how)?;
    let deleted = ended(deleter.commit().await, "deleted");
    assert_eq!(tree.begin()?.get(KEY)?.is_none(), deleted == "deleted");

    put(tree, KEY, b"100").await?;
    let mut locker = tree.begin()?;
    assert!(locker.get_for_update(KEY)?.is_some());
    let mut deleter = tree.begin()?;
    delete(&mut deleter, how)?;
    deleter.commit().await?;
    locker.set(OTHER, b"1")?;
    let locked = ended(locker.commit().await, "committed");
    Ok(format!("read 100, write 101: {written}; deleter that began before a write: {deleted}; locked read: {locked}"))
}

#[tokio::main]
async fn main() -> Result<()> {
    let tree = TreeBuilder::new().with_path("data".into()).build()?;
    let one = tried(&tree, "delete").await?;
    let range = tried(&tree, "delete_range").await?;
    println!("delete:       {one}\ndelete_range: {range}");
    if one != "read 100, write 101: conflict; deleter that began before a write: conflict; locked read: conflict"
        || range != "read 100, write 101: stored; deleter that began before a write: deleted; locked read: committed"
    {
        println!("changed or broken");
        std::process::exit(1);
    }
    Ok(())
}
RUST
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$dir/target} cargo run --quiet 2>cargo.log || { tail -20 cargo.log; exit 1; }
