//go:build !linux && !darwin

package launch

import "errors"

func roomIn(string) (bytes uint64, err error) { return 0, errors.ErrUnsupported }
