package tree

import (
	"fmt"
	"os"
	"testing"
)

// TestScanFindsAttributesByName: directories come and go under the same
// descriptor, and each file must be given its own attributes all the same.
func TestScanFindsAttributesByName(t *testing.T) {
	p := newPlace(t)
	for i := range 20 {
		name := fmt.Sprintf("%d/sub%d/file", i, i)
		p.write(name, "x")
		p.attribute(name, "user.name", name)
	}
	before, err := os.Getwd()
	must(t, err)
	withAttributes := 0
	for path, one := range p.scan(ScanOptions{}) {
		for _, each := range one.attributes {
			withAttributes++
			if string(each.value) != path {
				t.Errorf("%s has the attribute of %s", path, each.value)
			}
		}
	}
	if p.hasAttributes() && withAttributes != 20 {
		t.Errorf("%d files have attributes", withAttributes)
	}
	if after, _ := os.Getwd(); after != before {
		t.Errorf("the working directory became %s", after)
	}
	const single = "0/sub0/file"
	one := p.scan(ScanOptions{Path: []byte(single)})[""]
	if p.hasAttributes() && (len(one.attributes) != 1 || string(one.attributes[0].value) != single) {
		t.Errorf("asked for by name: %+v", one)
	}
}

// hasAttributes tells whether the file system of the tests has them.
func (p *place) hasAttributes() bool {
	p.write("probe", "")
	p.attribute("probe", "user.probe", "x")
	return len(p.scan(ScanOptions{})["probe"].attributes) == 1
}
