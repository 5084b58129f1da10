//go:build !linux

package local

import (
	"fmt"
	"os"
)

func executable() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("looking up this program's file: %w", err)
	}
	return exe, nil
}
