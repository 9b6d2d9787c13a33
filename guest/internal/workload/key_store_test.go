package workload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func emptyKeyStore() []byte {
	store := binary.BigEndian.AppendUint32(nil, keyStoreMagic)
	store = binary.BigEndian.AppendUint32(store, keyStoreVersion)
	store = binary.BigEndian.AppendUint32(store, 0)
	return append(store, keyStoreDigest(store)...)
}

func mustChange(t *testing.T, store []byte, name string, der []byte) []byte {
	t.Helper()
	changed, err := inKeyStore(store, name, der)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestKeyStoreGainsReplacesAndLosesOneCertificate(t *testing.T) {
	other := mustChange(t, emptyKeyStore(), "other", []byte("another one's"))
	first := mustChange(t, other, "ours", []byte("the first"))
	if !bytes.Contains(first, []byte("the first")) || !bytes.Contains(first, []byte("another one's")) {
		t.Fatal("a certificate is missing")
	}
	second := mustChange(t, first, "ours", []byte("the second"))
	if bytes.Contains(second, []byte("the first")) || !bytes.Contains(second, []byte("the second")) {
		t.Fatal("the certificate was not replaced")
	}
	if again := mustChange(t, second, "ours", nil); !bytes.Equal(again, other) {
		t.Fatal("what is left is not what there was before")
	}
}

func TestKeyStoreOfAnotherKindIsLeftAlone(t *testing.T) {
	good := mustChange(t, emptyKeyStore(), "other", []byte("another one's"))
	for end := range good {
		if _, err := inKeyStore(good[:end], "ours", []byte("x")); !errors.Is(err, errOtherKeyStore) {
			t.Fatalf("%d of %d bytes: %v", end, len(good), err)
		}
	}
	// With the right digest, and yet not what it says it is.
	for index := range good[:len(good)-20] {
		for _, value := range []byte{0, 0xff} {
			body := bytes.Clone(good[:len(good)-20])
			body[index] = value
			// Whatever it answers, it answers.
			_, _ = inKeyStore(append(body, keyStoreDigest(body)...), "ours", []byte("x"))
		}
	}
}
