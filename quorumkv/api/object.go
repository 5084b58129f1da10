package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
)

// maxObject bounds the bodies of requests that have no values.
const maxObject = 1 << 20

// objectOf is object of the body of a request that has no values.
func objectOf(r *http.Request, into any) error {
	b, err := readBody(r, maxObject)
	if err != nil {
		return err
	}
	return object(b, into)
}

// object reads the one JSON object that a body is, each of whose keys is a field of into and is there once. What is not known,
// or is there twice, or follows, was meant to do something: to leave it out would be to do another thing than was asked for.
func object(body []byte, into any) error {
	if err := once(body); err != nil { // encoding/json would mix what they say
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the JSON object")
	}
	return nil
}
