#!/usr/bin/env bash
# GORM 1.31.2 (Go), with SQLite (glebarez/sqlite 1.11.0), seen 2026-11-30.
#
# Three tags are created in one call with ON CONFLICT DO NOTHING, of which red was there already with the
# id 1. Of the three structs red is given the id that the database has given to blue, blue that of green,
# and green none; Error is nil. What is written with these ids then is blue's where red was meant. GORM
# adds the DO NOTHING by itself when it creates the associations of what it creates: of two posts, by an
# author who is there already and by a new one, the first is stored under the new author and the second
# under nobody (id 0; SQLite looks at foreign keys only when told to, and then the call fails for the
# second). The ids that come back are those of the inserted rows, and they are dealt out to the structs
# from the first one on.
#
# Guess that it breaks: the page "Create" says that the primary keys are filled in; of a row that was not
# inserted one expects 0, as it is when the row is created alone. The page "Associations" says that they
# are saved with an upsert, so that the post of an author who is there already is that one's or an error.
#
# Seen (struct and id; the database afterwards):
#   red, blue, green, red is there: red 3, blue 4, green 0 (database: red 1, blue 3, green 4)
#   red alone:                      red 0 (database: red 1)
#   blue, red (the new one first):  blue 2, red 0 (database: red 1, blue 2)
#   posts, Ann is there, Bob is new: "by Ann" of Bob, "by Bob" of nobody
#   posts, both are new:            "by Ann" of Ann, "by Bob" of Bob
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/ids 2>/dev/null
go get gorm.io/gorm@v1.31.2 github.com/glebarez/sqlite@v1.11.0 >go.log 2>&1 || { cat go.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

type Tag struct {
	ID   int
	Name string `gorm:"uniqueIndex"`
}

type Author struct {
	ID   int
	Name string `gorm:"uniqueIndex"`
}

type Post struct {
	ID       int
	Title    string
	AuthorID *int
	Author   *Author
}

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run() error {
	rows := []struct {
		name  string
		there []string
		do    func(*gorm.DB, ...string) (string, error)
		of    []string
		want  string
	}{
		{"red, blue, green, red is there", []string{"red"}, tags, []string{"red", "blue", "green"}, "red 3, blue 4, green 0 (database: red 1, blue 3, green 4)"},
		{"red alone", []string{"red"}, tags, []string{"red"}, "red 0 (database: red 1)"},
		{"blue, red", []string{"red"}, tags, []string{"blue", "red"}, "blue 2, red 0 (database: red 1, blue 2)"},
		{"posts, Ann is there, Bob is new", []string{"Ann"}, posts, []string{"Ann", "Bob"}, "by Ann of Bob, by Bob of nobody"},
		{"posts, both are new", nil, posts, []string{"Ann", "Bob"}, "by Ann of Ann, by Bob of Bob"},
	}
	var changed []string
	for i, r := range rows {
		db, err := gorm.Open(sqlite.Open(fmt.Sprintf("%d.db", i)), &gorm.Config{Logger: logger.Discard})
		if err != nil {
			return err
		}
		if err := db.AutoMigrate(&Tag{}, &Author{}, &Post{}); err != nil {
			return err
		}
		for _, name := range r.there {
			if err := db.Create(&Tag{Name: name}).Error; err != nil {
				return err
			}
			if err := db.Create(&Author{Name: name}).Error; err != nil {
				return err
			}
		}
		got, err := r.do(db, r.of...)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Printf("%s: %s\n", r.name, got)
		if got != r.want {
			changed = append(changed, r.name)
		}
	}
	if changed != nil {
		return fmt.Errorf("%s", strings.Join(changed, "; "))
	}
	return nil
}

func listed(tags []Tag) string {
	var all []string
	for _, t := range tags {
		all = append(all, fmt.Sprintf("%s %d", t.Name, t.ID))
	}
	return strings.Join(all, ", ")
}

// tags creates them in one call and says which ids the structs have, and which the rows.
func tags(db *gorm.DB, names ...string) (string, error) {
	var mine, all []Tag
	for _, n := range names {
		mine = append(mine, Tag{Name: n})
	}
	if err := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&mine).Error; err != nil {
		return "", err
	}
	err := db.Order("id").Find(&all).Error
	return fmt.Sprintf("%s (database: %s)", listed(mine), listed(all)), err
}

// posts creates one of each author in one call, and says whose they are in the database.
func posts(db *gorm.DB, authors ...string) (string, error) {
	var mine, all []Post
	for _, a := range authors {
		mine = append(mine, Post{Title: "by " + a, Author: &Author{Name: a}})
	}
	if err := db.Create(&mine).Error; err != nil {
		return "", err
	}
	if err := db.Preload("Author").Order("id").Find(&all).Error; err != nil {
		return "", err
	}
	var said []string
	for _, p := range all {
		author := "nobody"
		if p.Author != nil {
			author = p.Author.Name
		}
		said = append(said, p.Title+" of "+author)
	}
	return strings.Join(said, ", "), nil
}
GO
go mod tidy >go.log 2>&1 || { cat go.log; exit 1; }
go run .
