package terminal

import "fmt"

// colour is red, green and blue, 8 bits each.
type colour uint32

// String is the form of answers: 16 bits each.
func (c colour) String() string {
	r, g, b := byte(c>>16), byte(c>>8), byte(c)
	return fmt.Sprintf("rgb:%02x%02x/%02x%02x/%02x%02x", r, r, g, g, b, b)
}

const (
	cubeStart = 16
	greyStart = 232
)

// xterm's own first 16.
var basicColours = [cubeStart]colour{
	0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
	0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
}

// paletteColour takes 0 to 255: the basic ones, a cube of 6 levels each, greys.
func paletteColour(number int) colour {
	switch {
	case number < cubeStart:
		return basicColours[number]
	case number < greyStart:
		place := number - cubeStart
		return cubeLevel(place/36)<<16 | cubeLevel(place/6%6)<<8 | cubeLevel(place%6)
	default:
		level := colour(8 + 10*(number-greyStart))
		return level<<16 | level<<8 | level
	}
}

func cubeLevel(step int) colour {
	if step == 0 {
		return 0
	}
	return colour(55 + 40*step)
}
