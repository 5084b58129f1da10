package formats

import "github.com/lapse-test/lapse/history"

// readBytes is Read for a file's content that is in memory (compressed or not); label
// stands for the file in errors. Formats that need a directory refuse.
func readBytes(label string, data []byte, o Options) (*history.History, string, error) {
	if err := o.check(); err != nil {
		return nil, "", err
	}
	f, err := formatOf("", o.Format)
	if err != nil {
		return nil, "", err
	}
	in, err := unpack(label, data)
	if err != nil {
		return nil, "", err
	}
	return in.read(f, &o)
}
